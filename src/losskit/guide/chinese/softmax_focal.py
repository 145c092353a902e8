"""SoftmaxFocalLoss in Chinese."""

TEXT = r"""
Cross-entropy with less weight on answers that are already right: :class:`FocalLoss` for one class of several.

降低易分样本权重的交叉熵，即多分类的 :class:`FocalLoss`。

``gamma=0`` is :class:`CrossEntropyLoss`, with its class weights and its mean (over the sum of the weights of the targets).
Its softmax ranks well, but is not calibrated.

``gamma=0`` 时即为 :class:`CrossEntropyLoss`，类别权重和求平均的方式（除以各目标的权重之和）也相同。
其 softmax 输出适合排序，但未经校准。

How much the weight of easy answers is reduced.

易分样本权重的降低程度。
"""
