"""A few steps of everything, on tiny data: what needs torch is left out where torch is missing."""

import importlib.util
import random

import numpy as np

from portraits.alignment import TEMPLATE, aligned, similarity
from portraits.painter import appearance, caption, five_points, identity, paint, variation

PICTURES = 6


def painter():
    """The same seed draws the same picture; people differ; the face is where the geometry says."""
    one, again = (paint(identity(5), variation(9), 128, 128) for _ in range(2))
    assert one.shape == (128, 128, 3) and (one == again).all()
    assert (paint(identity(6), variation(9), 128, 128) != one).any()
    assert paint(identity(5), variation(9), 64, 96).shape == (96, 64, 3)
    points = np.array(five_points(identity(5), variation(9), 128, 128))
    matrix, shift = similarity(points, TEMPLATE)
    assert np.abs(points @ matrix.T + shift - TEMPLATE).max() < 20
    assert aligned(one, points).shape == (224, 224, 3)


def captions():
    """Articles fit, the phrasings differ, and hair is named where it has to be."""
    seen = set()
    for k in range(300):
        named = caption(appearance(k), variation(k), random.Random(k), True)
        assert appearance(k)["style"] == "bald" or appearance(k)["hair"] in named, named
        text = caption(identity(k), variation(k), random.Random(k))
        words = text.replace(",", "").split()
        for article, word in zip(words, words[1:]):
            assert article != "a" or word[0] not in "aeiou", text
            assert article != "an" or word[0] in "aeiou", text
        seen.add(text)
    assert len(seen) > 280


def training():
    """Two steps of each part; every loss is a number and every weight that should move does."""
    import torch

    import distil_resampler
    import train_unet
    import train_vae
    from portraits.attributes import OUTPUTS, Attributes, tones
    from portraits.augment import augmented, relit
    from portraits.batches import Batches, Faces, NoFaces, known_words
    from portraits.embedder import Embedder, contrast
    from portraits.muon import Trainer
    from portraits.network import Network
    from portraits.stock import Stock
    from portraits.vae import make_vae, quiet_posterior
    from portraits.vision import STATES_WIDTH, TOKENS

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = [np.stack([paint(identity(k // 2), variation(k)) for k in range(PICTURES)])]
    vae = make_vae()
    quiet_posterior(vae)
    steps(Trainer(vae, 1e-3, 0.01), lambda: train_vae.loss_of(vae, train_vae.crops(pictures, rng, 1, 64, True))[0])

    known = known_words(20)
    latents = rng.standard_normal((PICTURES, 4, 8, 8)).astype(np.float16)
    batches = Batches(latents, NoFaces(TOKENS, STATES_WIDTH), known, 1)
    network = Network(known, STATES_WIDTH, False)
    steps(Trainer(network, 1e-3, 0.01), lambda: train_unet.loss_of(network, batches.draw(2), rng, 1.0, True, 0.2)[0])
    dialled = Batches(latents, NoFaces(TOKENS, STATES_WIDTH), known, 1, first=4, dial=True, greys=1.0)
    at = np.arange(PICTURES)
    assert set(dialled.choose(50)) == set(dialled.grey_pictures) != set(), dialled.grey_pictures
    for chosen, s_scale in ((dialled, 1.0), (dialled, 2.0), (batches, 0.0)):
        assert (chosen.shown(at, np.full(PICTURES, s_scale)) == at ^ 1).all(), s_scale
    begin = lambda: train_unet.loss_of(network, dialled.draw(4), rng, 1.0, True, 0.2, 0.5, dialled.mean)[0]
    steps(Trainer(network, 1e-3, 0.01), begin)

    faces = Faces.__new__(Faces)
    faces.identity = torch.nn.functional.normalize(torch.randn(1, PICTURES, 512), dim=2).numpy()
    faces.states = rng.standard_normal((1, PICTURES, TOKENS, STATES_WIDTH))
    faces.black = torch.zeros(TOKENS, STATES_WIDTH)
    teacher = network.projection.float().requires_grad_(False)
    pupil, aim = distil_resampler.pupil_of(teacher, 0.4, 0.6, faces, PICTURES, rng)
    losses = list(distil_resampler.train(aim, pupil, faces, PICTURES, rng, 10, 1e-3))
    assert losses[-1] < losses[0], losses

    stock = Stock(PICTURES, (4, 8, 8), 2, 2, torch.zeros(TOKENS, STATES_WIDTH), 0.3, 0.3)
    ids = torch.from_numpy(np.stack([[batches.ids_of(k)] * 2 for k in range(4)]))
    faces = torch.randn(4, 2, 512), torch.randn(4, 2, TOKENS, STATES_WIDTH)
    clown, hat = np.array([False, True, False, False]), np.zeros(4, bool)
    stock.add(torch.from_numpy(latents[:4]), ids, *faces, clown=clown, hat=hat)
    at = stock.choose(1000)
    assert stock.room() == 2 and at.max() == 3 and 370 < (at == 1).sum() < 580, at.bincount()
    times = torch.tensor([100, 900])
    steps(Trainer(network, 1e-3, 0.01), lambda: train_unet.loss_at(network, stock.draw(2), times, train_unet.ALPHAS)[0])

    faces = np.stack([aligned(p, five_points(identity(k // 2), variation(k)), 112) for k, p in enumerate(pictures[0])])
    faces = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    embedder, head, attributes = Embedder(), torch.nn.Linear(512, OUTPUTS), Attributes(PICTURES)
    at = np.array([0, 2, 4, 1, 3, 5])
    seen = relit(faces[at], rng, pairs=True)
    assert tones(seen).shape == (PICTURES, 6)
    embeddings = embedder(augmented(seen, rng, light=False) * 2 - 1)
    loss = attributes.loss(head(embeddings), at)[0] + contrast(embeddings)
    loss.backward()
    assert torch.isfinite(loss) and embedder.linear.weight.grad.abs().sum() > 0


def steps(trainer, loss):
    before = [p.detach().clone() for p in trainer.masters]
    for _ in range(2):
        value = loss()
        assert value.isfinite()
        value.backward()
        trainer.step(1.0)
    moved = sum(bool((a != b).any()) for a, b in zip(before, trainer.masters))
    assert moved > 0.8 * len(before), (moved, len(before))


def main():
    painter()
    captions()
    if importlib.util.find_spec("torch") is None:
        print("painter and captions work; torch is not here, so no training step was made")
        return
    training()
    print("painter, captions and the training steps work")


if __name__ == "__main__":
    main()
