"""Uses the pages of the server in a browser, as a person does who has never seen them.

Reads {"address": ..., "key": ..., "photograph": path} and fails with a traceback where a page does not do
what it should. Screenshots go to the folder that FACEGEN_SCREENSHOTS names, if it names one.
"""

import json
import os
import shutil
import sys

from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # milliseconds

given = json.load(sys.stdin)
address = given["address"]
complaints = []

# By the names that systems have for it.
chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
assert chromium, "chromium is not there, which the test of the pages needs"


def watch(page):
    """Notes what goes wrong in a page, and what it asks of other hosts."""
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda request: is_own(request.url) or complaints.append(f"asks for {request.url[:60]}"))
    page.on("console", lambda line: note(line))


def is_own(url):
    return url.startswith((address + "/", "data:", "blob:"))


def note(line):
    # The browser itself says so of every answer that is an error.
    if line.type in ("error", "warning") and "Failed to load resource" not in line.text:
        complaints.append(f"console: {line.text}")


def keep(page, name):
    if folder := os.environ.get("FACEGEN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def make_pictures(page):
    """Wrong key, no prompt, no photograph, and then two pictures."""
    page.goto(address + "/")
    expect(page.locator("#readiness")).to_have_text("ready", timeout=PATIENCE)
    expect(page.locator("#notice")).to_have_text("the weights are random, and the images are coloured patterns")
    expect(page.locator("select[name=style] option")).to_have_text(["realistic", "anime", "comic", "chibi", "3d"])
    key, prompt, make = page.locator("input[name=key]"), page.locator("textarea[name=prompt]"), page.locator("#make")
    page.select_option("select[name=size]", "256x256")
    key.fill("a wrong key")
    make.click()
    expect(page.locator("#message")).to_have_text("Invalid API key")
    expect(page.locator("[data-field=key] .error")).to_have_text("This is no key of this server")
    key.fill("")
    make.click()
    expect(page.locator("[data-field=key] .error")).to_have_text("A key is required")
    expect(key).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("document.activeElement.name") == "key", "the field that is wrong has the focus"

    key.fill(given["key"])
    prompt.fill("")
    make.click()
    for field, rule in [("prompt", "prompt is required"), ("face_image", "face_image is required")]:
        expect(page.locator(f"[data-field={field}] .error")).to_have_text(rule)
    assert page.evaluate("document.activeElement.name") == "face_url", "the first field that is wrong has the focus"
    keep(page, "refused")

    prompt.fill("a mark @FACE@ and @KEY@")
    curl = page.locator("#curl").text_content()
    assert '"prompt": "a mark @FACE@ and @KEY@"' in curl, curl
    prompt.fill("<b>portrait</b> of a person in a 'garden'")
    page.set_input_files("#file", given["photograph"])
    expect(page.locator("#preview")).to_be_visible()
    page.select_option("select[name=samples]", "2")
    make.click()
    pictures = page.locator("#pictures img")
    expect(pictures).to_have_count(2, timeout=PATIENCE)
    for index in range(2):
        shown = pictures.nth(index).evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")
        assert shown == [256, 256], shown
    expect(page.locator("[data-field=prompt] .error")).to_have_text("")
    page.locator("#pictures button").nth(1).click()
    seeds = [int(text.split()[-1]) for text in page.locator("#pictures button").all_text_contents()]
    assert page.locator("input[name=seed]").input_value() == str(seeds[1]) and seeds[1] == (seeds[0] + 1) % 2**32
    curl = page.locator("#curl").text_content()
    assert given["key"] not in curl and f'"seed": {seeds[1]}' in curl, curl
    keep(page, "made")


def use_by_keyboard_on_a_telephone(page):
    """Nothing hangs over the edge of a narrow screen, and the focus comes to every field."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(address + "/")
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{over} pixels hang over"
    named = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        named.add(page.evaluate("document.activeElement.name || document.activeElement.id"))
    assert {"key", "prompt", "size", "seed", "make"} <= named, named
    keep(page, "narrow")
    page.locator("input[name=key]").fill(given["key"])
    page.set_input_files("#file", given["photograph"])
    page.select_option("select[name=size]", "256x256")
    page.locator("#make").press("Enter")
    expect(page.locator("#pictures img")).to_be_in_viewport(timeout=PATIENCE)


def read_the_description(page):
    page.goto(address + "/docs")
    operation = page.locator(".opblock-summary-path", has_text="/face_gen/make_gen")
    expect(operation.first).to_be_visible(timeout=PATIENCE)
    assert page.locator(".opblock").count() >= 30
    keep(page, "described")


with sync_playwright() as playwright:
    # Where tests run as root there is no sandbox to be had, and containers share little memory.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    for use in [make_pictures, use_by_keyboard_on_a_telephone, read_the_description]:
        page = browser.new_page()
        watch(page)
        use(page)
        page.close()
    browser.close()
assert not complaints, complaints
