import requests
import json

url = "https://modelslab.com/api/v1/enterprise/face_gen/make_gen"

payload = json.dumps({
  "key": "",
  "prompt": "pretty woman",
  "negative_prompt": "anime, cartoon, drawing, big nose, long nose, fat, ugly, big lips, big mouth, face proportion mismatch, unrealistic, monochrome, lowres, bad anatomy, worst quality, low quality, blurry",
  "face_image":"https://media.allure.com/photos/647f876463cd1ef47aab9c88/3:2/w_2465,h_1643,c_limit/angelina%20jolie%20blonde%20hair%20chloe.jpg",
  "width": "512",
  "height": "512",
  "samples": "1",
  "num_inference_steps": "21",
  "safety_checker": False,
  "base64": False,
  "seed": None,
  "guidance_scale": 7.5,
  "webhook": None,
  "track_id": None
})

headers = {
  'Content-Type': 'application/json'
}

response = requests.request("POST", url, headers=headers, data=payload)

print(response.text)
