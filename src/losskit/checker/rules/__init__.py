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
