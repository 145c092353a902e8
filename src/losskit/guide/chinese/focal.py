"""FocalLoss in Chinese."""

TEXT = r"""
Binary cross-entropy with less weight on answers that are already right.

降低易分样本权重的二元交叉熵，适合易分样本占绝大多数的任务，如目标检测。

Without ``alpha`` both classes weigh 1, and ``gamma=0`` is then BCEWithLogits. Detectors divide by the number of
positives: ``normalizer=target.sum()``. Its sigmoids rank well, but are not calibrated.

不设 ``alpha`` 时两类权重均为 1，此时 ``gamma=0`` 即为 BCEWithLogits。目标检测通常除以正样本数：
``normalizer=target.sum()``。其 sigmoid 输出适合排序，但未经校准，不能直接当概率用。

How strongly easy answers are turned down.

对易分样本的抑制强度。

Weight of yes; no weighs 1 - alpha. A tensor broadcasts to the input, as one for each label. None: both weigh 1.

正类的权重，负类权重为 1 - alpha。可以是张量，广播到 input 的形状，例如每个标签一个。None：两类权重均为 1。
"""
