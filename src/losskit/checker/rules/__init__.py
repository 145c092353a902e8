"""All rules, one file each, in the order of their codes. A line here puts a rule into every report."""

# 1xx: the input
from losskit.checker.rules.softmax_before_logits import SoftmaxBeforeLogits as SoftmaxBeforeLogits
from losskit.checker.rules.sigmoid_before_logits import SigmoidBeforeLogits as SigmoidBeforeLogits
from losskit.checker.rules.bounded_logits import BoundedLogits as BoundedLogits
from losskit.checker.rules.logs_as_logits import LogsAsLogits as LogsAsLogits
from losskit.checker.rules.log_softmax_twice import LogSoftmaxTwice as LogSoftmaxTwice
from losskit.checker.rules.missing_log import MissingLog as MissingLog
from losskit.checker.rules.logits_as_logs import LogitsAsLogs as LogitsAsLogs
from losskit.checker.rules.not_probabilities import NotProbabilities as NotProbabilities
from losskit.checker.rules.relu_before_logits import ReluBeforeLogits as ReluBeforeLogits
from losskit.checker.rules.wrong_softmax_dim import WrongSoftmaxDim as WrongSoftmaxDim
from losskit.checker.rules.softmax_over_one import SoftmaxOverOne as SoftmaxOverOne
from losskit.checker.rules.one_logit import OneLogit as OneLogit
from losskit.checker.rules.classes_last import ClassesLast as ClassesLast

# 2xx: the target
from losskit.checker.rules.broadcast_pair import BroadcastPair as BroadcastPair
from losskit.checker.rules.zero_one_for_signs import ZeroOneForSigns as ZeroOneForSigns
from losskit.checker.rules.outside_unit import OutsideUnit as OutsideUnit
from losskit.checker.rules.swapped import Swapped as Swapped
from losskit.checker.rules.all_ignored import AllIgnored as AllIgnored
from losskit.checker.rules.not_a_distribution import NotADistribution as NotADistribution
from losskit.checker.rules.one_sample import OneSample as OneSample
from losskit.checker.rules.class_out_of_range import ClassOutOfRange as ClassOutOfRange
from losskit.checker.rules.ctc_infeasible import CtcInfeasible as CtcInfeasible
from losskit.checker.rules.ctc_labels import CtcLabels as CtcLabels
from losskit.checker.rules.target_without_softmax import TargetWithoutSoftmax as TargetWithoutSoftmax
from losskit.checker.rules.out_of_reach import OutOfReach as OutOfReach
from losskit.checker.rules.rate_for_log_rate import RateForLogRate as RateForLogRate
from losskit.checker.rules.negative import Negative as Negative
from losskit.checker.rules.unshifted import Unshifted as Unshifted
from losskit.checker.rules.padding_counts import PaddingCounts as PaddingCounts

# 3xx: reduction, weights and gradient
from losskit.checker.rules.mean_of_elements import MeanOfElements as MeanOfElements
from losskit.checker.rules.weights_cancel import WeightsCancel as WeightsCancel
from losskit.checker.rules.soft_targets_with_weights import SoftTargetsWithWeights as SoftTargetsWithWeights
from losskit.checker.rules.smoothing_with_weights import SmoothingWithWeights as SmoothingWithWeights
from losskit.checker.rules.weight_broadcasts import WeightBroadcasts as WeightBroadcasts
from losskit.checker.rules.no_gradient import NoGradient as NoGradient
from losskit.checker.rules.not_optimized import NotOptimized as NotOptimized

# 4xx: numerics
from losskit.checker.rules.not_finite import NotFinite as NotFinite
from losskit.checker.rules.saturated import Saturated as Saturated
from losskit.checker.rules.half_precision import HalfPrecision as HalfPrecision
from losskit.checker.rules.under_autocast import UnderAutocast as UnderAutocast
from losskit.checker.rules.target_masked import TargetMasked as TargetMasked
from losskit.checker.rules.log_of_zero import LogOfZero as LogOfZero
from losskit.checker.rules.initial_loss import InitialLoss as InitialLoss

# 3xx, of several calls
from losskit.checker.rules.step_without_gradient import StepWithoutGradient as StepWithoutGradient
from losskit.checker.rules.rewrapped import Rewrapped as Rewrapped
from losskit.checker.rules.unscaled_accumulation import UnscaledAccumulation as UnscaledAccumulation
from losskit.checker.rules.unequal_accumulation import UnequalAccumulation as UnequalAccumulation
from losskit.checker.rules.constant_loss import ConstantLoss as ConstantLoss
from losskit.checker.rules.gradients_dropped import GradientsDropped as GradientsDropped
from losskit.checker.rules.gathered_without_gradient import GatheredWithoutGradient as GatheredWithoutGradient
from losskit.checker.rules.wrong_threshold import WrongThreshold as WrongThreshold
