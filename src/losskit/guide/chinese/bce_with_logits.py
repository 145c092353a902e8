"""BCEWithLogitsLoss in Chinese."""

TEXT = r"""
Negative log-probability that the sigmoid of the logit gives the target: yes or no, or one such for each label.

以 logits 为输入的二元交叉熵（内含 sigmoid），用于二分类或多标签（各标签独立二分类）。

``weight`` is element-wise, not per class as cross-entropy's, and the mean divides by the number of elements,
whatever the weights. For several labels use one such loss over (N, C).

``weight`` 按元素加权，不像交叉熵那样按类别加权；求平均时除以元素个数，与权重无关。
多标签任务直接在 (N, C) 上使用这一个损失即可。

p, the weight of a positive answer; broadcasts to the input.

正例的权重（公式中的 p），可广播到 input 的形状。

Share of the target that is spread evenly over yes and no.

标签平滑系数，即目标中均匀分给正负两类的比例。
"""
