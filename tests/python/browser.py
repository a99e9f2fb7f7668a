"""Uses the pages of the server in a browser, as a person does who has never seen them.

Reads {"address": ..., "key": an admin key, "plain_key": ..., "photograph": path, "tall_photo": path, "faceless": path} and fails with a
traceback where a page does not do what it should. Screenshots go to the directory that FACEGEN_SCREENSHOTS names, if it names one.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # milliseconds
IMAGES = "#images figure img"
expect.set_options(timeout=PATIENCE)

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


def is_accessible(page):
    """axe finds nothing that is wrong for people who do not see the page, or see it badly."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def open_page(page):
    page.goto(address + "/")
    expect(page.locator("#readiness")).to_have_text("ready")


def open_with_key(page, size="256x256"):
    open_page(page)
    page.fill("#key", given["key"])
    page.select_option("#size", size)


def error_of(page, field):
    return page.locator(f"[data-field={field}] .error")


def has_focus(page, id):
    page.wait_for_function("id => document.activeElement.id === id", arg=id)


def transfer(page, path, content_type):
    """What a browser hands over when a file is dropped or pasted."""
    make = """([text, name, type]) => {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name, { type }));
        return transfer;
    }"""
    text = base64.b64encode(Path(path).read_bytes()).decode()
    return page.evaluate_handle(make, [text, Path(path).name, content_type])


def drop(page, path, content_type="image/png"):
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer(page, path, content_type)})


def paste(page, path):
    send = "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))"
    page.evaluate(send, transfer(page, path, "image/png"))


def see_what_the_server_is(page):
    open_page(page)
    expect(page.locator("#notice-text")).to_contain_text("the weights are random")
    expect(page.locator("#preset")).to_have_text("preset random, f32")
    expect(page.locator("#device")).to_have_text("on cpu")
    expect(page.locator("#checking")).to_have_text("images are not checked")
    # The usual sizes are those that the limits of Stable Diffusion 1.5 permit.
    sizes = ["512 × 512", "512 × 768", "768 × 512", "256 × 256"]
    expect(page.locator("#size option")).to_have_text(sizes)
    expect(page.locator("#num_inference_steps option")).to_have_text(["21", "31", "41"])
    assert page.locator("#safety").is_hidden(), "what no safety checker reads is not asked for"
    expect(page.locator("#style option")).to_have_text(["realistic", "comic", "chibi", "3d", "anime"])
    # What only the demo has.
    expect(page.locator("#published")).to_be_hidden()
    expect(page.locator("#example")).to_be_hidden()


def be_told_what_is_wrong(page):
    """No key, a wrong key, no photo, no prompt, a text file and a wrong seed, each at its field."""
    open_page(page)
    page.fill("#prompt", "")
    page.click("#make")
    for field, text in [("key", "no API key given"), ("face_image", "no photo given"), ("prompt", "no prompt given")]:
        expect(error_of(page, field)).to_have_text(text)
    expect(page.locator("#key")).to_have_attribute("aria-invalid", "true")
    has_focus(page, "key")
    is_accessible(page)
    keep(page, "refused")

    page.fill("#key", "a wrong key")
    page.locator("#key").blur()
    expect(error_of(page, "key")).to_have_text("invalid API key")
    page.fill("#key", "a wrong key again")
    page.fill("#prompt", "portrait")
    page.set_input_files("#file", given["photograph"])
    page.click("#make")
    expect(error_of(page, "key")).to_have_text("invalid API key")
    has_focus(page, "key")

    drop(page, "LICENSE", "text/plain")
    expect(error_of(page, "face_image")).to_have_text("LICENSE is not a JPEG, PNG, WebP or GIF")
    expect(page.locator("#preview")).to_be_hidden()
    has_focus(page, "file")

    page.fill("#key", given["key"])
    page.set_input_files("#file", given["photograph"])
    page.fill("#seed", "a seed")
    page.click("#make")
    expect(error_of(page, "seed")).to_contain_text("seed")
    expect(error_of(page, "key")).to_be_empty()
    has_focus(page, "seed")


def give_a_photo_in_each_way(page):
    """A dropped or pasted file, or a link, and never two of them."""
    open_page(page)
    link = page.locator("#face_url")
    drop(page, given["photograph"])
    expect(page.locator("#preview")).to_be_visible()
    expect(link).to_be_disabled()
    page.click("#remove")
    expect(page.locator("#preview")).to_be_hidden()
    link.fill("https://example.org/face.jpg")
    expect(page.locator("#hint")).to_have_text("The link below is used")
    paste(page, given["photograph"])
    expect(page.locator("#preview")).to_be_visible()
    expect(link).to_have_value("")


def see_the_face_outlined(page):
    """The face is outlined where it is, before anything is made, and a photo without one is refused at its field."""
    open_page(page)
    page.set_input_files("#file", given["photograph"])
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator(".face")).to_have_count(0)
    page.fill("#key", given["key"])
    page.locator("#key").blur()
    outline = page.locator(".face.used")
    expect(outline).to_have_count(1)
    expect(page.locator("#faces-help")).to_have_text("One face found")
    face, photo = outline.bounding_box(), page.locator("#preview").bounding_box()
    # The astronaut's face is in the upper half, left of the middle of the photo.
    centre = [(face["x"] + face["width"] / 2 - photo["x"]) / photo["width"], (face["y"] + face["height"] / 2 - photo["y"]) / photo["height"]]
    assert 0.3 < centre[0] < 0.55 and 0.1 < centre[1] < 0.35, centre
    assert 0.1 < face["width"] / photo["width"] < 0.4, (face, photo)
    is_accessible(page)
    keep(page, "outlined")
    fits_a_tall_photo(page)
    page.set_input_files("#file", given["faceless"])
    expect(error_of(page, "face_image")).to_have_text("No face detected in the photo")
    expect(page.locator("#face_url[aria-invalid]")).to_have_count(0)
    expect(page.locator(".face")).to_have_count(0)
    page.click("#remove")
    expect(error_of(page, "face_image")).to_be_empty()
    jobs = page.evaluate("key => fetch('/v1/jobs', { headers: { key } }).then((answer) => answer.json())", given["plain_key"])
    assert jobs["items"] == [], "a search makes no job"


def fits_a_tall_photo(page):
    """The outline is where the server says that the face is, also in a photo that is not square."""
    page.set_input_files("#file", given["tall_photo"])
    expect(page.locator("#preview")).to_have_attribute("alt", f"Chosen photo: {Path(given['tall_photo']).name}")
    expect(page.locator(".face.used")).to_have_count(1)
    find = """([key, face_image]) => fetch("/v1/faces", {
        method: "POST", headers: { key, "content-type": "application/json" }, body: JSON.stringify({ face_image }),
    }).then((answer) => answer.json())"""
    text = base64.b64encode(Path(given["tall_photo"]).read_bytes()).decode()
    found = page.evaluate(find, [given["key"], text])
    width, height = found["width"], found["height"]
    left, top, right, bottom = found["faces"][0]["box"]
    face, photo = page.locator(".face.used").bounding_box(), page.locator("#preview").bounding_box()
    assert abs(photo["width"] / photo["height"] - width / height) < 0.03, photo
    shown = [
        (face["x"] - photo["x"]) / photo["width"],
        (face["y"] - photo["y"]) / photo["height"],
        face["width"] / photo["width"],
        face["height"] / photo["height"],
    ]
    expected = [left / width, top / height, (right - left) / width, (bottom - top) / height]
    assert all(abs(a - b) < 0.03 for a, b in zip(shown, expected)), (shown, expected)


def be_told_of_a_photo_without_a_face(page):
    open_with_key(page)
    page.set_input_files("#file", given["faceless"])
    page.click("#make")
    expect(error_of(page, "face_image")).to_have_text("No face detected in the photo")
    has_focus(page, "file")
    expect(page.locator(IMAGES)).to_have_count(0)


def make_images(page):
    """Two images, what is said of them, and the same values again."""
    open_with_key(page)
    prompt = "<b>portrait</b> of a person in a 'garden'"
    page.fill("#prompt", prompt)
    page.set_input_files("#file", given["photograph"])
    page.select_option("#samples", "2")
    page.press("#prompt", "Control+Enter")
    images = page.locator(IMAGES)
    expect(images).to_have_count(2)
    decode = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    for index in range(2):
        shown = images.nth(index).evaluate(decode)
        assert shown == [256, 256], shown
    expect(page.locator("#safety-help")).to_have_text("This preset has no safety checker: images are not checked.")
    captions = page.locator("#images figcaption").all_text_contents()
    assert all("not checked" in caption for caption in captions), captions
    seeds = page.locator("#images figcaption span:first-child").all_text_contents()
    first, second = (int(seed.removeprefix("Seed ")) for seed in seeds)
    assert second == (first + 1) % 2**32, seeds
    with page.expect_download() as download:
        page.get_by_role("link", name="Download image 1").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")

    # The server knows the values: they are there after a reload.
    page.reload()
    page.locator("#jobs button").first.click()
    expect(images).to_have_count(2)
    page.set_input_files("#file", given["photograph"])
    page.fill("#prompt", "another")
    page.fill("#negative_prompt", "another")
    page.get_by_role("button", name="Use these values").click()
    expect(page.locator("#prompt")).to_have_value(prompt)
    expect(page.locator("#negative_prompt")).to_have_value("cartoon, low quality, deformed")
    expect(page.locator("#seed")).to_have_value(str(first))
    is_accessible(page)
    keep(page, "made")
    run_the_code(page, {"prompt": prompt, "seed": first, "samples": 2, "width": 256})


def run_the_code(page, expected):
    """Each language sends the request of the form."""
    page.click("#code summary")
    for tab, program in [("curl", ["bash", "-c"]), ("Python", [sys.executable, "-c"]), ("JavaScript", node())]:
        page.get_by_role("tab", name=tab).click()
        code = page.locator("#text").text_content()
        assert given["key"] not in code, code
        environment = {**os.environ, "FACEGEN_API_KEY": given["key"]}
        directory = Path(given["photograph"]).parent
        done = subprocess.run([*program, code], cwd=directory, env=environment, capture_output=True, check=True)
        meta = json.loads(done.stdout)["meta"]
        assert meta["face_image"] == "inline", meta
        assert {name: meta[name] for name in expected} == expected, (tab, meta)


def node():
    return ["node", "--input-type=module", "--eval"]


def watch_and_cancel(page):
    """Progress moves, previews come, a reload finds the job again, and cancelling ends it."""
    open_with_key(page, "512x768")
    page.set_input_files("#file", given["photograph"])
    page.select_option("#samples", "2")
    page.click("#more summary")
    page.select_option("#num_inference_steps", "41")
    page.click("#make")
    moved = "least => document.getElementById('bar').position > least"
    page.wait_for_function(moved, arg=0)
    previews = page.locator(".placeholder img")
    expect(previews).to_have_count(2)
    first = previews.first.get_attribute("src")
    assert previews.first.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [64, 96]
    page.wait_for_function("src => document.querySelector('.placeholder img').src !== src", arg=first)
    is_accessible(page)
    keep(page, "under way")
    seen = page.evaluate("document.getElementById('bar').position")
    page.reload()
    page.wait_for_function(moved, arg=seen)
    expect(page.locator("#stage")).to_contain_text("of 82")
    page.click("#cancel")
    expect(page.locator("#images")).to_contain_text("Cancelled")
    expect(page.locator("#cancel")).to_be_hidden()
    expect(page.locator("#progress")).to_be_hidden()
    newest = page.locator("#jobs button").first
    expect(newest).to_have_text("deleted")


def find_and_compare_jobs(page):
    """The list of jobs is there after a reload, and two of them can be compared."""
    open_with_key(page)
    page.locator("#key").blur()
    jobs = page.locator("#jobs button:has(img)")
    expect(jobs.nth(1)).to_be_visible()
    page.reload()
    expect(page.locator("#key")).to_have_value(given["key"])
    jobs.nth(0).click()
    expect(page.locator("#images article")).to_have_count(1)
    expect(jobs.nth(0)).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Compare with the next").click()
    jobs.nth(1).click()
    expect(page.locator("#images article")).to_have_count(2)
    is_accessible(page)
    keep(page, "compared")
    page.get_by_role("button", name="Stop comparing").click()
    expect(page.locator("#images article")).to_have_count(1)


def look_as_an_operator(page):
    """What is for admin keys is shown once there is one, which is never kept beyond the tab."""
    open_page(page)
    expect(page.locator("#operations")).to_be_hidden()
    page.evaluate("key => localStorage.setItem('facegen.key', key)", given["key"])
    page.reload()
    expect(page.locator("#key-help")).to_contain_text("Admin key")
    expect(page.locator("#keep")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0, "an admin key is kept"
    page.click("#operations summary")
    expect(page.locator("#state")).to_contain_text("Engine cpu")
    expect(page.locator("#state")).to_contain_text("ready")
    expect(page.locator("#deliveries-message")).to_contain_text("none")
    is_accessible(page)


def keep_a_plain_key(page):
    """A plain key stays in the browser if it is to, is forgotten with the box, and shows nothing for operators."""
    open_page(page)
    page.fill("#key", given["plain_key"])
    page.locator("#key").blur()
    expect(page.locator("#key-help")).to_contain_text("until this tab closes")
    expect(page.locator("#operations")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0, "a key is kept without being asked"
    page.check("[name=keep_key]")
    expect(page.locator("#key-help")).to_contain_text("in this browser")
    assert page.evaluate("document.activeElement.name") == "keep_key", "the focus is lost"
    later = page.context.new_page()
    watch(later)
    open_page(later)
    expect(later.locator("#key")).to_have_value(given["plain_key"])
    expect(later.locator("[name=keep_key]")).to_be_checked()
    keep(later, "kept")
    later.uncheck("[name=keep_key]")
    assert page.evaluate("localStorage.length") == 0, "the key stays"
    later.check("[name=keep_key]")
    later.fill("#key", "a wrong key")
    later.locator("#key").blur()
    expect(error_of(later, "key")).to_have_text("invalid API key")
    assert page.evaluate("localStorage.length") == 0, "a replaced key stays"
    later.close()


def see_it_in_the_dark(page):
    """The colours follow the system, and on a wide screen all is in sight."""
    page.set_viewport_size({"width": 1440, "height": 900})
    colours = []
    for scheme in ["light", "dark"]:
        page.emulate_media(color_scheme=scheme)
        open_page(page)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        is_accessible(page)
        keep(page, scheme)
    assert colours[0] != colours[1], colours
    expect(page.locator("#make")).to_be_in_viewport(ratio=1)
    expect(page.locator("#images")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight"), "the page scrolls"


def use_by_keyboard_on_a_phone(page):
    """Nothing hangs over the edge of a narrow screen, the button stays, and the focus comes to every field."""
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(page)
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{over} pixels hang over"
    expect(page.locator("#make")).to_be_in_viewport(ratio=1)
    named = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        named.add(page.evaluate("document.activeElement.id"))
    assert {"key", "file", "face_url", "prompt", "size", "seed", "make"} <= named, named
    is_accessible(page)
    keep(page, "narrow")
    page.fill("#key", given["key"])
    page.set_input_files("#file", given["photograph"])
    page.select_option("#size", "256x256")
    page.press("#make", "Enter")
    expect(page.locator(IMAGES)).to_be_in_viewport(timeout=PATIENCE)


def read_the_description(page):
    """Each operation stands there once, its other paths are folded, and "Try it out" makes an image."""
    page.goto(address + "/docs")
    operation = page.locator("#operations-face_gen-post_api_v1_enterprise_face_gen_make_gen")
    expect(operation).to_be_visible(timeout=PATIENCE)
    assert 20 <= page.locator(".opblock").count() < 40
    folded = page.locator("#operations-tag-aliases")
    expect(folded).to_have_attribute("data-is-open", "false")
    keep(page, "described")
    folded.click()
    expect(page.locator("[id^=operations-aliases-]").first).to_be_visible()
    folded.click()
    page.click(".btn.authorize")
    page.locator(".auth-container input").first.fill(given["plain_key"])
    page.locator(".auth-container .btn.authorize").first.click()
    page.click(".btn-done")
    operation.locator(".opblock-summary").click()
    operation.locator(".try-out__btn").click()
    operation.locator(".execute").click()
    status = operation.locator(".live-responses-table .response .response-col_status").first
    expect(status).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text('"output"')


USES = [
    see_what_the_server_is,
    be_told_what_is_wrong,
    give_a_photo_in_each_way,
    see_the_face_outlined,
    be_told_of_a_photo_without_a_face,
    make_images,
    watch_and_cancel,
    find_and_compare_jobs,
    look_as_an_operator,
    keep_a_plain_key,
    see_it_in_the_dark,
    use_by_keyboard_on_a_phone,
    read_the_description,
]

with sync_playwright() as playwright:
    # Where tests run as root there is no sandbox to be had, and containers share little memory.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    for use in USES:
        context = browser.new_context()
        page = context.new_page()
        watch(page)
        use(page)
        context.close()
    browser.close()
assert not complaints, complaints
