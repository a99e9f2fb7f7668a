"""Verifies webhooks as a receiver does, by the library of Standard Webhooks.

Reads {"secret": ..., "messages": [{"headers": {...}, "body": ...}, ...]} and
prints for each message whether it is believed.
"""

import json
import sys

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

given = json.load(sys.stdin)
webhook = Webhook(given["secret"])
for message in given["messages"]:
    try:
        webhook.verify(message["body"], message["headers"])
        print("believed")
    except WebhookVerificationError as error:
        print(f"refused: {error}")
