"""All losses, one file each, grouped by task. A line here puts a loss into the catalog and into every verb."""

# Regression
from losskit.losses.gaussian_nll import GaussianNLLLoss as GaussianNLLLoss, gaussian_nll_loss as gaussian_nll_loss
from losskit.losses.huber import HuberLoss as HuberLoss, huber_loss as huber_loss
from losskit.losses.l1 import L1Loss as L1Loss, l1_loss as l1_loss
from losskit.losses.mse import MSELoss as MSELoss, mse_loss as mse_loss
from losskit.losses.quantile import QuantileLoss as QuantileLoss, quantile_loss as quantile_loss
from losskit.losses.smooth_l1 import SmoothL1Loss as SmoothL1Loss, smooth_l1_loss as smooth_l1_loss

# Counts
from losskit.losses.poisson_nll import PoissonNLLLoss as PoissonNLLLoss, poisson_nll_loss as poisson_nll_loss

# A distribution, as a teacher gives it
from losskit.losses.kl_div import KLDivLoss as KLDivLoss, kl_div as kl_div

# Yes or no, or one such for each label
from losskit.losses.bce import BCELoss as BCELoss, binary_cross_entropy as binary_cross_entropy
from losskit.losses.bce_with_logits import (
    BCEWithLogitsLoss as BCEWithLogitsLoss,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from losskit.losses.focal import FocalLoss as FocalLoss, focal_loss as focal_loss
from losskit.losses.multilabel_margin import (
    MultiLabelMarginLoss as MultiLabelMarginLoss,
    multilabel_margin_loss as multilabel_margin_loss,
)
from losskit.losses.multilabel_soft_margin import (
    MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from losskit.losses.soft_margin import SoftMarginLoss as SoftMarginLoss, soft_margin_loss as soft_margin_loss

# One class of several
from losskit.losses.adaptive_log_softmax import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from losskit.losses.arcface import ArcFaceLoss as ArcFaceLoss
from losskit.losses.cross_entropy import CrossEntropyLoss as CrossEntropyLoss, cross_entropy as cross_entropy
from losskit.losses.linear_cross_entropy import (
    LinearCrossEntropyLoss as LinearCrossEntropyLoss,
    linear_cross_entropy as linear_cross_entropy,
)
from losskit.losses.multi_margin import MultiMarginLoss as MultiMarginLoss, multi_margin_loss as multi_margin_loss
from losskit.losses.nll import NLLLoss as NLLLoss, NLLLoss2d as NLLLoss2d, nll_loss as nll_loss
from losskit.losses.softmax_focal import SoftmaxFocalLoss as SoftmaxFocalLoss, softmax_focal_loss as softmax_focal_loss

# Regions of an image: classes of pixels
from losskit.losses.dice import DiceLoss as DiceLoss, dice_loss as dice_loss

# Embeddings and rankings: outputs compared with each other
from losskit.losses.contrastive import ContrastiveLoss as ContrastiveLoss, contrastive_loss as contrastive_loss
from losskit.losses.cosine_embedding import (
    CosineEmbeddingLoss as CosineEmbeddingLoss,
    cosine_embedding_loss as cosine_embedding_loss,
)
from losskit.losses.hinge_embedding import (
    HingeEmbeddingLoss as HingeEmbeddingLoss,
    hinge_embedding_loss as hinge_embedding_loss,
)
from losskit.losses.margin_ranking import (
    MarginRankingLoss as MarginRankingLoss,
    margin_ranking_loss as margin_ranking_loss,
)
from losskit.losses.nt_xent import NTXentLoss as NTXentLoss, nt_xent_loss as nt_xent_loss
from losskit.losses.triplet_margin import (
    TripletMarginLoss as TripletMarginLoss,
    triplet_margin_loss as triplet_margin_loss,
)
from losskit.losses.triplet_margin_with_distance import (
    TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)

# A sequence of labels
from losskit.losses.ctc import CTCLoss as CTCLoss, ctc_loss as ctc_loss
