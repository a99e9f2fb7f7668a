"""Drives the official SDK, as published, against a running server.

Reads {"address": ..., "key": ..., "prompt": ..., "face": ...}, calls every
method of the SDK's image-editing class, directly and in its asynchronous
form, and prints the link of each image that it was given.
"""

import asyncio
import inspect
import json
import sys
import time
import urllib.error
import urllib.request

from modelslab_py.core.apis.image_editing import Image_editing
from modelslab_py.core.client import Client
from modelslab_py.schemas import image_editing as schemas

GIVEN = json.load(sys.stdin)

CONTROL = {
    "system_details": {"status": "success", "model_count": 7, "queue_time": 0},
    "update": {"status": "success", "message": "server updating"},
    "clear_cache": {"status": "success", "message": "Cache cleared successfully"},
    "clear_queue": {"status": "success", "message": "Queue cleared"},
    "restart": {
        "status": "success",
        "message": "server restarting",
        "server_status": "restarting",
    },
}

# What the server does not do.
IMAGE = "https://pictures.example/picture.jpg"
OTHER_PRODUCTS = {
    "outpainting": schemas.OutpaintingSchema(prompt="a sea", image=IMAGE),
    "background_remover": schemas.BackgroundRemoverSchema(image=IMAGE),
    "super_resolution": schemas.SuperResolutionSchema(init_image=IMAGE),
    "fashion": schemas.FashionSchema(init_image=IMAGE),
    "object_remover": schemas.ObjectRemovalSchema(init_image=IMAGE, mask_image=IMAGE),
    "inpainting": schemas.InpaintingSchema(
        prompt="a sea", init_image=IMAGE, mask_image=IMAGE
    ),
    "flux_headshot": schemas.FluxHeadshotSchema(prompt="a sea"),
    "qwen_edit": schemas.QwenEditSchema(prompt="a sea", init_image=[IMAGE]),
    "caption": schemas.CaptionSchema(init_image=IMAGE),
}


class Driver:
    """Calls one client's methods, directly or in their asynchronous form."""

    def __init__(self, loop=None):
        self.loop = loop
        self.prefix = "async_" if loop else ""
        self.called = set()
        self.client = Client(GIVEN["key"])
        self.client.base_url = f"{GIVEN['address']}/api/"

    def call(self, owner, method, *arguments):
        name = self.prefix + method
        self.called.add(name)
        answer = getattr(owner, name)(*arguments)
        return self.loop.run_until_complete(answer) if self.loop else answer

    def drive(self):
        enterprise = Image_editing(client=self.client, enterprise=True)
        self.drive_images(enterprise, lambda: self.call(enterprise, "facegen", request()))
        head_shot = request(schemas.HeadshotSchema)
        self.drive_images(enterprise, lambda: self.call(enterprise, "headshot", head_shot))
        self.drive_control(enterprise)
        for name, schema in OTHER_PRODUCTS.items():
            self.expect_unknown(enterprise, name, schema)

        # The SDK has no class of its own for face_gen.
        face_gen = Image_editing(client=self.client, enterprise=True)
        face_gen.base_url = f"{self.client.base_url}v1/enterprise/face_gen/"
        make_gen = f"{face_gen.base_url}make_gen"
        fields = request().model_dump(exclude_none=True)
        self.drive_images(face_gen, lambda: self.call(self.client, "post", make_gen, fields))
        self.drive_control(face_gen)

        plain = Image_editing(client=self.client)
        self.drive_images(plain, lambda: self.call(plain, "facegen", request()))
        self.drive_uploads()

    def drive_uploads(self):
        # The SDK has no method of its own for it.
        for path, name in (
            ("v6/base64_to_url", "base64_string"),
            ("v6/image_editing/base64_to_url", "init_image"),
        ):
            url = f"{self.client.base_url}{path}"
            answer = self.call(self.client, "post", url, {name: GIVEN["face"]})
            assert set(answer) == {"status", "id", "output"}, answer
            assert answer["status"] == "success", answer
            [link] = answer["output"]
            self.expect_png(link)
            print(link)

    def expect_png(self, link):
        with urllib.request.urlopen(link) as image:
            assert image.read().startswith(b"\x89PNG"), link

    def drive_images(self, api, make):
        answer = make()
        assert answer["status"] in ("success", "processing"), answer
        fetched = self.call(api, "fetch", str(answer["id"]))
        assert fetched["status"] == "success" and fetched["id"] == answer["id"], fetched
        [link] = fetched["output"]
        assert answer["output"] in ([link], []), (answer, fetched)
        self.expect_png(link)
        print(link)

    def drive_control(self, api):
        for name, expected in CONTROL.items():
            answer = self.call(api, name)
            assert answer == expected, (name, answer)
        # The last one was the restart.
        wait_until_ready()

    def expect_unknown(self, api, name, schema):
        try:
            answer = self.call(api, name, schema)
        except Exception as error:
            _, _, body = str(error).partition("status code 404: ")
            assert body, (name, error)
            assert json.loads(body) == {"status": "error", "message": "Path not found"}, body
        else:
            raise AssertionError((name, answer))


def request(schema=schemas.FacegenSchema):
    """The SDK's own defaults, but for the size."""
    return schema(prompt=GIVEN["prompt"], face_image=GIVEN["face"], width=64, height=64)


def wait_until_ready():
    """Waits until the models are loaded again."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{GIVEN['address']}/readyz"):
                return
        except urllib.error.HTTPError as error:
            assert error.code == 503, error
            time.sleep(0.1)
    raise AssertionError("the server does not come back")


def methods():
    """The names of all methods of the image-editing class."""
    functions = inspect.getmembers(Image_editing, inspect.isfunction)
    return {name for name, _ in functions if not name.startswith("_")}


direct = Driver()
direct.drive()
loop = asyncio.new_event_loop()
asynchronous = Driver(loop)
asynchronous.drive()
loop.run_until_complete(asynchronous.client.close())
called = direct.called | asynchronous.called
assert called - {"post", "async_post"} == methods(), called ^ methods()
