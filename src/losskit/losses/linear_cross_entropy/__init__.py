from losskit.losses.linear_cross_entropy.loss import (
    LinearCrossEntropyLoss as LinearCrossEntropyLoss,
    linear_cross_entropy as linear_cross_entropy,
)
