"""All losses, one file each, grouped by task. A line here puts a loss into the catalog and into every verb."""

# Regression
from losskit.losses.huber import HuberLoss as HuberLoss, huber_loss as huber_loss
from losskit.losses.l1 import L1Loss as L1Loss, l1_loss as l1_loss
from losskit.losses.mse import MSELoss as MSELoss, mse_loss as mse_loss
from losskit.losses.smooth_l1 import SmoothL1Loss as SmoothL1Loss, smooth_l1_loss as smooth_l1_loss

# Yes or no, or one such for each label
from losskit.losses.bce import BCELoss as BCELoss, binary_cross_entropy as binary_cross_entropy
from losskit.losses.bce_with_logits import (
    BCEWithLogitsLoss as BCEWithLogitsLoss,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from losskit.losses.focal import FocalLoss as FocalLoss, focal_loss as focal_loss

# One class of several
from losskit.losses.adaptive_log_softmax import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from losskit.losses.cross_entropy import CrossEntropyLoss as CrossEntropyLoss, cross_entropy as cross_entropy
from losskit.losses.linear_cross_entropy import (
    LinearCrossEntropyLoss as LinearCrossEntropyLoss,
    linear_cross_entropy as linear_cross_entropy,
)
from losskit.losses.nll import NLLLoss as NLLLoss, nll_loss as nll_loss
from losskit.losses.softmax_focal import (
    SoftmaxFocalLoss as SoftmaxFocalLoss,
    softmax_focal_loss as softmax_focal_loss,
)
