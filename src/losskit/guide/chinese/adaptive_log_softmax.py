"""AdaptiveLogSoftmaxWithLoss in Chinese."""

TEXT = r"""
Cross-entropy over many classes, of which the rare ones share smaller layers that few rows pass through.

类别数很大时的交叉熵：低频类别共用较小的层，只有少数行会经过这些层。

for the last k of which that holds. It is torch's own layer: weights, their names and their initialisation, ``log_prob``, ``reset_parameters`` and the pair that a
call returns (``output``, the log-probability of each target, and ``loss``, minus its mean). Class 0 must be
the most frequent one, and so on down. What losskit adds: targets of any integer dtype, errors that say what is
wrong, ``sample_weight``, ``mask`` and ``normalizer`` at the call, and log-softmaxes and their mean in float32 under half
precision. An item that is masked has ``output`` 0.

其中 k 取满足条件的最后一个。它就是 torch 自带的层：权重及其名称和初始化方式、``log_prob``、
``reset_parameters`` 以及调用返回的二元组（``output`` 为各目标的对数概率，``loss`` 为其均值的相反数）都与 torch 相同。
类别须按频率从高到低编号，0 号最常见。losskit 增加的有：目标可用任意整数 dtype，报错信息说明错在哪里，调用时可传
``sample_weight``、``mask`` 和 ``normalizer``，半精度下 log-softmax 及其均值按 float32 计算。
被掩码的样本 ``output`` 为 0。

Which rows pass through which layer depends on the targets: ``torch.vmap`` and ``torch.compile(fullgraph=True)`` cannot
follow it; ``torch.compile`` breaks the graph here.

哪些行经过哪一层取决于目标，因此不支持 ``torch.vmap`` 和 ``torch.compile(fullgraph=True)``；
``torch.compile`` 会在此处断图。

Width of the input, D.

输入的维度 D。

Where the clusters begin: classes in [0, cutoffs[0]) have a logit of their own in the first layer.

各个簇的起始类别编号，[0, cutoffs[0]) 内的类别在第一层各有自己的 logit。

The layer of the k-th cluster (from 1) is D // div_value ** k wide; a cluster of width 0 learns nothing within itself.
Default: 4.0.

第 k 个簇（从 1 数起）的层宽为 D // div_value ** k；宽度为 0 的簇无法区分簇内类别。默认值：4.0。

Whether the first layer has a bias. Default: False.

第一层是否带偏置。默认值：False。

Where the layers live.

各层所在的设备。

The layers' dtype.

各层的 dtype。

(D) or (N, D).

形状 (D) 或 (N, D)。

Class ids in [0, C), () or (N), of any integer dtype.

[0, C) 内的类别编号，形状 () 或 (N)，任意整数 dtype。

A pair: ``output``, of the target's shape, and ``loss``, one number.

二元组：``output``，形状与目标相同；``loss``，一个标量。
"""
