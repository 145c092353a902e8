"""CTCLoss in Chinese."""

TEXT = r"""
Negative log-probability of a label sequence, whatever the steps at which its labels occur.

标签序列的负对数概率，对所有可能的对齐方式求和，用于语音识别和文字识别。

The sum runs over all paths of one label or blank a step from which merging repeats and then dropping blanks leaves the
target. Feed it log-probabilities, or logits with ``from_logits=True``. Positive values are refused where values are
read; elsewhere logits would be taken for unnormalised scores, and can give a negative loss.

求和遍历所有路径：每个时间步输出一个标签或空白符，先合并相邻重复、再去掉空白符后恰好得到目标序列。
输入为对数概率，或设置 ``from_logits=True`` 后为 logits。凡是会检查数值的场合，正值会被拒绝；
不检查数值时，logits 会被当作未归一化的得分，可能得到负的损失。

The gradient is that of this function, minus the probability that a step shows a label; torch's adds
``exp(x)``, and is right only behind a log-softmax, where the two agree. There is a second derivative.

梯度就是该函数本身的梯度，即某时间步输出某标签的概率的相反数；torch 的梯度多加了 ``exp(x)``，只有前面是
log-softmax 时才正确，此时两者一致。支持二阶导数。

A target that the steps cannot hold (there must be one a label, and one more between equal neighbours) has the loss
inf and no gradient; ``zero_infinity`` makes it 0. What lies beyond a sample's lengths is not read, and has no
gradient. The mean divides each sample's loss by its target length (1 for an empty target) and then by the number of
samples, or by the sum of their ``sample_weight``, as torch's does: so long targets weigh no more than short ones.

若时间步数放不下目标序列（每个标签至少占一步，相邻的相同标签之间还要多一步），损失为 inf，没有梯度；
``zero_infinity`` 会将其置 0。超出样本长度的部分不会被读取，也没有梯度。与 torch 一样，
求平均时先将每个样本的损失除以其目标长度（空目标按 1 计），再除以样本数或
``sample_weight`` 之和，因此长目标的权重不会高于短目标。

On a GPU, where torch's operator serves, nothing is read: a label that there is not makes its sample's loss NaN. Lengths
on the CPU are checked, and save that operator a wait for the device. The compiler unrolls the loop over up to 32
steps; beyond, it sees one operator that it cannot look into, which has no second derivative and no transforms.

在 GPU 上由 torch 的算子计算，不检查数值：标签越界时，该样本的损失为 NaN。放在 CPU 上的长度会被检查，
并让该算子免于等待设备。编译器最多展开 32 个时间步的循环；更长时只看到一个不透明的算子，
不支持二阶导数和函数变换。

The label that stands for none.

空白符的标签编号。

Whether a target that the steps cannot hold has the loss 0 instead of inf.

时间步数放不下目标序列时，损失是否取 0 而不是 inf。

Whether the input is logits; the log-softmax is then taken here.

输入是否为 logits；若是，则由损失内部计算 log-softmax。

Log-probabilities (a log-softmax before them), (T, N, C) or (T, C): steps, samples, labels with the blank.

对数概率（前面要加 log-softmax），形状 (T, N, C) 或 (T, C)：时间步、样本、含空白符的标签。

Labels in [0, C) but the blank, of any integer dtype, (N, S) or one after the other, for (T, C) also (S).

[0, C) 内除空白符以外的标签，任意整数 dtype，形状 (N, S)，或所有样本首尾相接；输入为 (T, C) 时也可为 (S)。

How many steps of each sample count, in [0, T], a tensor (N) of any integer dtype, or a list.

每个样本的有效时间步数，取值 [0, T]，任意整数 dtype 的张量 (N)，或列表。

How many labels of each sample count, in [0, S], a tensor (N) of any integer dtype, or a list.

每个样本的有效标签数，取值 [0, S]，任意整数 dtype 的张量 (N)，或列表。
"""
