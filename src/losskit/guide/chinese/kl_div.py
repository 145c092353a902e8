"""KLDivLoss in Chinese."""

TEXT = r"""
Kullback-Leibler divergence of the predicted from the target distribution, term by term, as in distillation.

预测分布相对目标分布的 KL 散度，逐项计算，常用于知识蒸馏。

The input holds log-probabilities: apply a log-softmax first. With ``log_target=True`` the target holds them too. A single
term may be negative: only the sum over the classes is a divergence. ``'mean'`` divides by the number of elements, as in
torch, which gives 1 / C of the mean divergence of a row; ``'batchmean'`` is that mean. It divides by the length of the
first dimension: give sequences of shape (N, T, C) as (N T, C).

输入是对数概率，应先做 log-softmax；``log_target=True`` 时目标也是对数概率。单独一项可能为负，
对类别求和之后才是散度。与 torch 一样，``'mean'`` 除以元素个数，得到的是每行散度均值的 1 / C；
``'batchmean'`` 才是每行散度的均值，它除以第一维的长度，因此形状为 (N, T, C) 的序列应展平为 (N T, C)。

Where the target is 0, the term and its gradient are 0, whatever the input. An input of -inf where the target is not 0
gives inf. The loss does not know which dimension holds the classes, so it does not check that rows sum to 1.

目标为 0 的项，无论输入是什么，损失和梯度都为 0。目标不为 0 而输入为 -inf 时，损失为 inf。
损失不知道哪一维是类别，因此不检查每行之和是否为 1。

With a mask ``'batchmean'`` counts the rows of which something is kept; with ``sample_weight`` a row counts as the average
weight of its kept elements.

使用掩码时，``'batchmean'`` 只统计尚有元素保留的行；使用 ``sample_weight`` 时，一行按其保留元素的平均权重计数。

Whether the target holds logarithms of probabilities.

目标是否为对数概率。

Log-probabilities (a log-softmax before them), of any shape.

对数概率（前面要加 log-softmax），形状任意。

Probabilities, of the shape of input.

概率，形状与 input 相同。
"""
