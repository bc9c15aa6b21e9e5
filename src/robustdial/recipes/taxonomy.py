"""Where each recipe stands among the methods of adversarial training, and what is not implemented.

The categories are those of Bai, Luo, Zhao, Wen & Wang, Recent Advances in Adversarial Training for Adversarial
Robustness, IJCAI 2021, with threats that are no plain ball, and dials, set apart. What is absent is named as far as it
is well known; the lists are not complete.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A kind of adversarial training.

    Args:
        name: of it.
        about: what its methods have in common.
        absent: name and paper of methods that are not implemented.
    """

    name: str
    about: str
    absent: tuple[tuple[str, str], ...] = ()


VANILLA = Category("vanilla", "learn from adversarial images, as they are found; and standard training beside it")
REGULARISATION = Category(
    "adversarial regularisation",
    "a term beside the loss that keeps answers alike around an image",
    (
        (
            "ALP",
            "Kannan, Kurakin & Goodfellow, Adversarial Logit Pairing, 2018; here as an objective only",
        ),
        ("CURE", "Moosavi-Dezfooli et al., Robustness via Curvature Regularization, and Vice Versa, CVPR 2019"),
        ("LLR", "Qin et al., Adversarial Robustness through Local Linearization, NeurIPS 2019"),
        (
            "feature scattering",
            "Zhang & Wang, Defense ... Using Feature Scattering-based Adversarial Training, NeurIPS 2019",
        ),
        ("AVmixup", "Lee, Lee & Yoon, Adversarial Vertex Mixup, CVPR 2020"),
    ),
)
CURRICULUM = Category(
    "curriculum",
    "adversaries that grow stronger as the network does",
    (
        ("CAT", "Cai, Liu & Song, Curriculum Adversarial Training, IJCAI 2018"),
        ("Dynamic (FOSC)", "Wang et al., On the Convergence and Robustness of Adversarial Training, ICML 2019"),
    ),
)
ENSEMBLE = Category(
    "ensemble",
    "adversaries of several networks or several kinds",
    (
        ("Ensemble AT", "Tramer et al., Ensemble Adversarial Training: Attacks and Defenses, ICLR 2018"),
        ("ADP", "Pang et al., Improving Adversarial Robustness via Promoting Ensemble Diversity, ICML 2019"),
        ("GAL", "Kariyappa & Qureshi, Improving Adversarial Robustness of Ensembles with Diversity Training, 2019"),
        (
            "MSD",
            "Maini, Wong & Kolter, Adversarial Robustness Against the Union of Multiple Perturbation Models, ICML 2020",
        ),
        (
            "RAMP",
            "Jiang & Singh, RAMP: Boosting Adversarial Robustness Against Multiple lp Perturbations, NeurIPS 2024; a "
            "second network trains beside, and the weights of both meet after every epoch",
        ),
        (
            "DVERGE",
            "Yang et al., Diversifying Vulnerabilities for Enhanced Robust Generation of Ensembles, NeurIPS 2020",
        ),
    ),
)
ADAPTIVE = Category(
    "adaptive eps",
    "a radius for every image",
    (
        ("IAAT", "Balaji, Goldstein & Hoffman, Instance Adaptive Adversarial Training, 2019"),
        (
            "MMA",
            "Ding et al., MMA Training: Direct Input Space Margin Maximization through Adversarial Training, ICLR 2020",
        ),
        ("Customized AT", "Cheng et al., CAT: Customized Adversarial Training for Improved Robustness, 2020"),
    ),
)
SEMI_SUPERVISED = Category(
    "semi-supervised",
    "images without labels, or other labels, help",
    (
        ("UAT", "Alayrac et al., Are Labels Required for Improving Adversarial Robustness?, NeurIPS 2019"),
        (
            "pre-training",
            "Hendrycks, Lee & Mazeika, Using Pre-Training Can Improve Model Robustness and Uncertainty, ICML 2019",
        ),
        (
            "ARD",
            "Goldblum et al., Adversarially Robust Distillation, AAAI 2020; at temperature 1, `pgd-at --teacher RUN "
            "--distil 1`",
        ),
        ("IAD", "Zhu et al., Reliable Adversarial Distillation with Unreliable Teachers, ICLR 2022"),
        ("ACL", "Jiang et al., Robust Pre-Training by Adversarial Contrastive Learning, NeurIPS 2020"),
    ),
)
EFFICIENT = Category(
    "efficient",
    "fewer passes for the same robustness",
    (
        ("FreeLB", "Zhu et al., FreeLB: Enhanced Adversarial Training for Natural Language Understanding, ICLR 2020"),
        (
            "SSAT",
            "Kim, Lee & Lee, Understanding Catastrophic Overfitting in Single-step Adversarial Training, AAAI 2021",
        ),
        ("FGSM-RS-CS", "Zhao et al., Fast Adversarial Training with Smooth Convergence, ICCV 2023"),
        (
            "FGSM-UAP",
            "Pan, Li & Yao, Adversarial Initialization with Universal Adversarial Perturbation: A New Approach to Fast "
            "Adversarial Training, AAAI 2024",
        ),
    ),
)
ONCE_FOR_ALL = Category(
    "once-for-all and other variants",
    "one network for many compromises; another network, or other weights, to train",
    (
        ("Rob-GAN", "Liu & Hsieh, Rob-GAN: Generator, Discriminator, and Adversarial Attacker, CVPR 2019"),
        ("AdvProp", "Xie et al., Adversarial Examples Improve Image Recognition, CVPR 2020"),
        (
            "hypersphere embedding",
            "Pang et al., Boosting Adversarial Training with Hypersphere Embedding, NeurIPS 2020",
        ),
    ),
)
OTHER_THREATS = Category(
    "non-Lp",
    "the adversary changes something else than every pixel a little",
    (
        ("stAdv", "Xiao et al., Spatially Transformed Adversarial Examples, ICLR 2018"),
        (
            "Wasserstein",
            "Wong, Schmidt & Kolter, Wasserstein Adversarial Examples via Projected Sinkhorn Iterations, ICML 2019",
        ),
        ("PAT", "Laidlaw, Singla & Feizi, Perceptual Adversarial Robustness, ICLR 2021"),
    ),
)

CATEGORIES = (
    VANILLA,
    REGULARISATION,
    CURRICULUM,
    ENSEMBLE,
    ADAPTIVE,
    SEMI_SUPERVISED,
    EFFICIENT,
    ONCE_FOR_ALL,
    OTHER_THREATS,
)

CATEGORY_OF: dict[str, Category] = {
    "clean": VANILLA,
    "fgsm": VANILLA,
    "pgd-at": VANILLA,
    "trades": REGULARISATION,
    "mart": REGULARISATION,
    "hat": REGULARISATION,
    "fat": CURRICULUM,
    "fat-trades": CURRICULUM,
    "fat-mart": CURRICULUM,
    "free": EFFICIENT,
    "yopo": EFFICIENT,
    "fgsm-rs": EFFICIENT,
    "n-fgsm": EFFICIENT,
    "zerograd": EFFICIENT,
    "fgsm-pgi": EFFICIENT,
    "liet": EFFICIENT,
    "guided-at": EFFICIENT,
    "nuat": EFFICIENT,
    "rs-aaer": EFFICIENT,
    "n-aaer": EFFICIENT,
    "gradalign": EFFICIENT,
    "elle": EFFICIENT,
    "atta": EFFICIENT,
    "amata": EFFICIENT,
    "deat-d": EFFICIENT,
    "deat-p": EFFICIENT,
    "m-deat": EFFICIENT,
    "m-nfgsm": EFFICIENT,
    "m-pgd": EFFICIENT,
    "m-trades": EFFICIENT,
    "m-mart": EFFICIENT,
    "e-at": ENSEMBLE,
    "max-at": ENSEMBLE,
    "avg-at": ENSEMBLE,
    "oat": ONCE_FOR_ALL,
    "oats": ONCE_FOR_ALL,
    "m-oat": ONCE_FOR_ALL,
    "radial": ONCE_FOR_ALL,
    "radial-trades": ONCE_FOR_ALL,
    "radial-nfgsm": ONCE_FOR_ALL,
    "localized-oat": ONCE_FOR_ALL,
    "rst-oat": ONCE_FOR_ALL,
    "agat-oat": ONCE_FOR_ALL,
    "gat-oat": ONCE_FOR_ALL,
    "rslad": SEMI_SUPERVISED,
    "rst": SEMI_SUPERVISED,
    "rst-trades": SEMI_SUPERVISED,
    "rst-spatial": SEMI_SUPERVISED,
    "spatial-at": OTHER_THREATS,
    "localized": OTHER_THREATS,
    "agat": OTHER_THREATS,
    "agat-corruptions": OTHER_THREATS,
    "random-attributes": OTHER_THREATS,
    "gat": OTHER_THREATS,
}
"""The one category of every recipe, in the order in which a category lists them."""
