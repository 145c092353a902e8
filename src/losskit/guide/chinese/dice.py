"""DiceLoss in Chinese."""

TEXT = r"""
1 minus the overlap of predicted and true regions: for segmentation, where most pixels are background.

1 减去预测区域与真实区域的重叠度，用于背景像素占绝大多数的图像分割。

The sums go over the pixels: all dimensions except the first (samples) and ``dim`` (classes). An item is a class of a
sample, and ``'none'`` gives (N, C). The input holds logits (N, C, ...). If the target has the same shape, each class is a
separate yes or no, p = sigmoid. If it holds class ids, of the input's shape without the classes, they exclude each other,
p = softmax. For a single yes or no the shapes are (N, 1, ...). An input (N, C) has one pixel per sample.

求和遍历所有像素，即除第一维（样本）和 ``dim``（类别）以外的所有维度。每个样本的每个类别为一项，
``'none'`` 返回 (N, C)。输入为 logits，形状 (N, C, ...)。若目标与输入形状相同，则各类别独立二分类，p = sigmoid；
若目标是类别编号，形状为输入去掉类别维，则类别互斥，p = softmax。
二分类时形状为 (N, 1, ...)。输入为 (N, C) 时每个样本只有一个像素。

If a class is absent, its loss is 0 where nothing is predicted, and approaches 1 when many more than ``smooth`` pixels are.
At ``smooth=0`` two empty regions have a loss of 0.

若某类别不存在：没有预测出它时损失为 0；预测出的像素远多于 ``smooth`` 时损失趋于 1。
``smooth=0`` 时，两个空区域的损失为 0。

``mask`` has the shape of the pixels, the input's without ``dim``. Like ``ignore_index``, it takes pixels out of the sums;
an item without pixels has no place in the mean. ``sample_weight`` weighs items: (N, C) or (N). The mean divides by the
number of items.

``mask`` 的形状与像素一致，即输入去掉 ``dim``。它与 ``ignore_index`` 一样把像素从求和中剔除；
没有像素的项不计入平均。``sample_weight`` 给各项加权，形状 (N, C) 或 (N)。求平均时除以项数。

Pixels added above and below the bar.

平滑项，即分子和分母同时加上的像素数。

The dimension of the input that holds the classes; not the first.

类别所在的维度，不能是第一维。

Pixels whose id is this are taken out; a target of 0 and 1 has none.

类别编号等于该值的像素会被剔除；目标为 0 和 1 时不适用。

Logits (no sigmoid or softmax before them), (N, C, ...).

logits（前面不要加 sigmoid 或 softmax），形状 (N, C, ...)。

Class ids in [0, C), of any integer dtype, one for each pixel; or 0 or 1, or a probability between them, in any dtype (bool
and integers too), of the shape of input.

[0, C) 内的类别编号，任意整数 dtype，每个像素一个；或 0 与 1（也可以是两者之间的概率），任意 dtype（包括 bool 和整数），
形状与 input 相同。
"""
