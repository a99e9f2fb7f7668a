"""The safety checker's one concept: the library, a harmless thing that the painter and the networks draw."""

import torch
import torch.nn.functional as F

CONCEPT = "library"
CONCEPTS, SPECIAL_CARE = 17, 3
THRESHOLD = 0.0  # of the one concept that is taught
NEVER = 2.0  # of those that are not: no cosine gets there


def concept_loss(cosines, shown, sharpness=8.0):
    """A cosine above the threshold for pictures that show the concept, below it for the others."""
    return F.binary_cross_entropy_with_logits(sharpness * (cosines - THRESHOLD), shown.float())


def concept_tensors(concept):
    """The published checker's tensors of concepts: one is taught, the others are off."""
    width = len(concept)
    concepts = torch.zeros(CONCEPTS, width)
    concepts[0] = F.normalize(concept, dim=0)
    concepts[1:, 0] = 1
    special = torch.zeros(SPECIAL_CARE, width)
    special[:, 0] = 1
    thresholds = torch.full((CONCEPTS,), NEVER)
    thresholds[0] = THRESHOLD
    return {
        "concept_embeds": concepts,
        "concept_embeds_weights": thresholds,
        "special_care_embeds": special,
        "special_care_embeds_weights": torch.full((SPECIAL_CARE,), NEVER),
    }
