"""Opens the link that `facegen run` printed in a browser, as the person does who started it.

Reads {"link": ..., "address": ..., "token": ..., "photograph": path} and fails with a traceback where the page does not do
what it should.
"""

import json
import re
import shutil
import sys

from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # milliseconds
expect.set_options(timeout=PATIENCE)

given = json.load(sys.stdin)
sent = []

chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
assert chromium, "chromium is not there, which the test of the pages needs"


def watch(page):
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: sent.append(request.url))


def open_link(page):
    page.goto(given["link"])
    expect(page.locator("#readiness")).to_have_text("ready")


def get_a_key_and_make_an_image(page):
    open_link(page)
    expect(page.locator("#key")).to_have_value(re.compile("^fg_"))
    expect(page.locator("#key-help")).to_contain_text("until this tab closes")
    assert page.url == given["address"] + "/", f"the token stays in {page.url}"
    key = page.locator("#key").input_value()
    page.set_input_files("#file", given["photograph"])
    page.fill("#prompt", "portrait")
    page.select_option("#size", "256x256")
    page.click("#make")
    expect(page.locator("#images figure img")).to_have_count(1)
    page.reload()
    expect(page.locator("#key")).to_have_value(key)
    page.go_back()
    assert given["token"] not in page.url, "the history keeps the token"


def be_told_that_the_link_was_used(page):
    open_link(page)
    error = page.locator("[data-field=key] .error")
    expect(error).to_contain_text("The link was used already")
    expect(page.locator("#key")).to_have_value("")


with sync_playwright() as playwright:
    # Where tests run as root there is no sandbox to be had, and containers share little memory.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    for use in [get_a_key_and_make_an_image, be_told_that_the_link_was_used]:
        context = browser.new_context()
        page = context.new_page()
        watch(page)
        use(page)
        context.close()
    browser.close()
# The fragment is no part of what a browser asks for.
assert sent and not any(given["token"] in url for url in sent if "#" not in url), sent
