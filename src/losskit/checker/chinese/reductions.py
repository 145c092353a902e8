"""LK3xx: reduction, weights and gradient."""

TEXT = """
The mean of KLDivLoss over elements, which is no divergence.

KLDivLoss 按元素求平均，得到的不是散度。

Looks for reduction="mean" where the loss has "batchmean" as well.

损失有 "batchmean" 可用，却使用 reduction="mean"。

A divergence is a sum over the classes. "mean" divides by their number, too: the loss, and its weight beside other losses, is
too small by that factor.

散度要对各类别求和。"mean" 还除以了类别数：损失本身，以及它相对其他损失的权重，都小了这么多倍。

{who} with reduction='mean' divides by the number of elements, not of rows

{who} 在 reduction='mean' 时除以元素个数，而不是行数

{elements} elements in {rows} rows

{rows} 行，共 {elements} 个元素

the loss is {loss}, and the divergence of a row is {right}: {factor} times as much

损失为 {loss}，而每行的散度是 {right}，是它的 {factor} 倍

use reduction='batchmean'

使用 reduction='batchmean'

Class weights that cancel out.

类别权重相互抵消。

Looks for a mean over a single item while the loss has class weights.

损失设置了类别权重，却只对一项求平均。

The mean divides by the weights of the targets: of a single item nothing is left of its weight. At batch size 1 class weights
have no effect at all.

求平均时除以目标的权重之和：只有一项时，它的权重正好约掉。批大小为 1 时，类别权重完全失效。

the class weights of {who} cancel out: the mean is over a single item, and divides by its weight

{who} 的类别权重相互抵消：只对一项求平均，又除以它自己的权重

one item counts, whose class has the weight {weight}

只有一项有效，其类别的权重是 {weight}

the loss is {loss} with and without the weights

有没有权重，损失都是 {loss}

use reduction='sum', or a larger batch; losskit's losses take normalizer=

使用 reduction='sum'，或增大批次；losskit 的损失可以传 normalizer=

Class weights beside class probabilities.

同时使用类别权重和类别概率。

Looks for class weights in a call whose target holds a probability for each class.

设置了类别权重，而目标是各类别的概率。

The mean then divides by the number of items, not by the weights of the targets as it does with class ids. The same labels,
one-hot, give another loss.

此时求平均除以样本数，而不像类别编号那样除以目标的权重之和。同样的标签改写成 one-hot，损失就不同。

{who} divides by the number of items here; with class ids it divides by their weights

{who} 此时除以样本数；目标为类别编号时则除以权重之和

class weights, and a target of probabilities

有类别权重，且目标是概率

none, if that is meant; the learning rate that suits is another

若本意如此则无；只是合适的学习率会不同

keep to one of the two

只用其中一种写法

Label smoothing beside class weights.

同时使用标签平滑和类别权重。

Looks for both in one loss.

同一个损失设置了这两项。

The weights multiply the smoothed share of every class: a class of weight 20 draws probability to itself on samples of all
other classes, too.

权重也会乘到每个类别的平滑部分上：权重为 20 的类别，会在其他所有类别的样本上把概率拉向自己。

{who} multiplies the smoothed part of the target by the class weights

{who} 会把目标的平滑部分乘以类别权重

label_smoothing is {smoothing}, and weights lie between {low} and {high}

label_smoothing 为 {smoothing}，权重在 {low} 与 {high} 之间

at the optimum a sample of the lightest class gives the heaviest {share} of its probability, not {meant}

达到最优时，权重最小的类别的样本会分给权重最大的类别 {share} 的概率，而不是 {meant}

use one of the two

只用其中一项

A weight whose shape makes the loss larger than the batch.

权重的形状使损失的元素比批次还多。

Looks for weights of elements that broadcast with the input to more elements than it has.

逐元素权重与 input 广播后，元素比 input 还多。

Every item is then weighed by the weights of all others: on average they are all weighed alike.

每一项因此被所有其他项的权重加权：平均下来权重都一样。

{name} of {who}, of shape {own}, and the input, of shape {shape}, broadcast to {result}

{who} 的 {name} 形状为 {own}，与形状为 {shape} 的 input 广播成 {result}

{count} weighed losses where there are {fewer} elements

本应有 {fewer} 个元素，实际有 {count} 个加权损失

every element has the average weight of all

每个元素的权重都成了全体的平均

give {name} the shape {shape}

让 {name} 的形状为 {shape}

A loss from which no gradient reaches the model.

损失的梯度到不了模型。

Given the model, looks for its parameters in the graph of the loss.

给定模型后，在损失的计算图中寻找它的参数。

Something cut the graph: detach, item, numpy, no_grad, or a new tensor made of the values. The model never changes.

计算图被切断：detach、item、numpy、no_grad，或用数值新建了张量。模型永远不变。

no gradient of {who} reaches the model

{who} 的梯度到不了模型

none of the model's {count} parameters changes

模型的 {count} 个参数都不会改变

give the output itself to the loss: no detach, item, numpy or torch.tensor on the way

把输出本身传给损失：中间不要用 detach、item、numpy 或 torch.tensor

the loss has no graph

损失没有计算图

none of its parameters is in the graph of the loss

损失的计算图中没有模型的任何参数

Parameters that the optimizer does not have.

优化器中缺少部分参数。

Given model and optimizer, looks for parameters of the model that require a gradient, and that no step changes.

给定模型和优化器后，寻找需要梯度、却不会被任何一步更新的参数。

They keep their random values: a layer that was added or replaced after the optimizer was made is never trained.

它们一直保持随机初值：创建优化器之后才添加或替换的层，永远得不到训练。

the optimizer does not have all parameters of the model

优化器没有包含模型的全部参数

{count} of {all} that require a gradient, such as {first}

需要梯度的 {all} 个参数中缺少 {count} 个，例如 {first}

they keep the values that they were made with

它们一直保持初始值

make the optimizer after the model is complete, of model.parameters()

模型搭建完成之后，再用 model.parameters() 创建优化器

An optimizer whose parameters never get a gradient.

优化器的参数始终得不到梯度。

Looks for steps of an optimizer before which no parameter has a gradient, always, though losses are called in between.

查找这样的优化器：两步之间调用过损失，但每一步之前所有参数都没有梯度。

Nothing is trained. The graph was cut between the model and the loss, or the optimizer has the parameters of another model:
one that was copied, moved or wrapped afterwards.

什么也没有训练。模型与损失之间的计算图被切断，或者优化器拿着另一个模型的参数：之后又被复制、移动或包装过的模型。

{who} steps, and none of its parameters has a gradient

{who} 在更新，而它的参数都没有梯度

{steps} steps, before each of which every gradient was None

{steps} 步，每步之前所有梯度都是 None

no parameter changes

参数都不会改变

make the optimizer of the parameters of the model that is trained, and give the model's own output to the loss

用正在训练的模型的参数创建优化器，并把模型自己的输出传给损失

A backward pass from a copy of the loss's value.

对损失数值的副本做反向传播。

Looks for backward on a tensor without a graph whose value is that of a loss that was just computed.

对没有计算图的张量调用 backward，而它的值等于刚算出的损失。

A new tensor made of a value, as by torch.tensor(loss.item(), requires_grad=True), does not know where the value came from.
The error that torch raised without it was right; now nothing is trained, in silence.

用数值新建的张量，例如 torch.tensor(loss.item(), requires_grad=True)，不知道这个数值从何而来。不加它时 torch 的报错是对的；现
在什么也没训练，却不再提示。

the sum of {count} losses

{count} 个损失之和

the mean of {count} losses

{count} 个损失的均值

backward starts from a tensor without a graph, which has the value of {who}

backward 从一个没有计算图的张量开始，其值与 {who} 相同

the value of both is {value}

两者的值都是 {value}

no gradient reaches the model

模型得不到梯度

call backward on what the loss gave: no item, detach, numpy or torch.tensor on the way

直接对损失的返回值调用 backward：中间不要用 item、detach、numpy 或 torch.tensor

Gradients of several batches added up, where their mean is meant.

本意是取多个批次梯度的平均，实际却是相加。

Looks for several backward passes before a step, each from a mean, at the same line, without a division.

一次更新之前，同一行有多次反向传播，每次都来自平均值，而没有除以次数。

The gradient is that of so many batches, not their mean: the learning rate is in effect larger by that factor, and weight
decay and clipping are out of proportion.

得到的梯度是这些批次之和而不是平均：等于把学习率放大了这么多倍，权重衰减和梯度裁剪也随之失衡。

gradients of {times} batches are added before a step, each of a mean, without dividing by their number

更新之前累加了 {times} 个批次的梯度，每个都来自平均值，而没有除以批次数

{times} backward passes at {line}, and gradients were there already

{line} 处有 {times} 次反向传播，而且当时已有梯度

the gradient is {times} times that of the mean over these batches

梯度是这些批次平均梯度的 {times} 倍

divide the loss by {times} before backward

在 backward 之前把损失除以 {times}

Means over unequal counts, averaged as if they were equal.

各批次的有效项数不同，却按相同对待，对平均值再求平均。

Looks for several backward passes before a step, each from a mean, in which different numbers of targets count.

一次更新之前有多次反向传播，每次都来自平均值，而有效目标数各不相同。

A token of a short batch then weighs more than one of a long batch. The mean over all tokens divides once, by the count of all
batches together.

短批次中的 token 因此比长批次中的权重更大。所有 token 的平均只除一次，除以全部批次的有效项数。

batches in which {least} and {most} targets count are averaged as if they were equal

有效目标数为 {least} 和 {most} 的批次按相同对待求平均

{times} backward passes at {line} before a step, each of a mean

更新之前，{line} 处有 {times} 次反向传播，每次都来自平均值

a target of the shortest batch weighs {ratio} times as much as one of the longest

最短批次中一个目标的权重是最长批次中的 {ratio} 倍

use reduction='sum' and divide by the count of all batches; losskit's losses take normalizer=

使用 reduction='sum' 再除以全部批次的有效项数；losskit 的损失可以传 normalizer=

A loss that does not change while the optimizer steps.

优化器在更新，损失却不变。

Looks for a loss that had the very same value in all calls that were looked at, at least five, over as many steps.

检查过的所有调用（至少五次，更新步数也不少于五）中，损失的值完全相同。

Different batches and changed weights give different numbers. A loss that stays the same does not depend on the network: all
its outputs are equal, or saturated, or the margin is never met.

批次不同、参数在变，损失就应该不同。始终不变的损失与网络无关：输出全都相同、已经饱和，或者始终没有触及间隔。

{loss} has the same value in every call

{loss} 在每次调用中的值都相同

it was {value} in {calls} calls at {line}, over {steps} steps

{line} 处的 {calls} 次调用中都是 {value}，其间更新了 {steps} 步

nothing is learnt by it

从中什么也学不到

look at what goes into it: outputs that are all equal, saturated, or detached

检查传入的值：输出是否全都相同、已经饱和，或被 detach

Gradients that are set to 0 before a step has used them.

梯度还没用于更新就被置为 0。

Looks for several backward passes at the same line before a step, between which the gradients were reset.

一次更新之前，同一行有多次反向传播，其间梯度被清零。

Gradients of several batches are to be added up, but zero_grad stands at the wrong place: only the last batch counts.

本意是累加多个批次的梯度，但 zero_grad 的位置不对：只有最后一个批次起作用。

gradients of {times} batches are computed before a step, and reset in between

更新之前计算了 {times} 个批次的梯度，其间却被清零

{times} backward passes at {line}, none of which found a gradient to add to

{line} 处有 {times} 次反向传播，每次都没有已有的梯度可累加

{lost} of {times} batches have no effect

{times} 个批次中有 {lost} 个不起作用

call zero_grad after the step, not before every backward

在更新之后调用 zero_grad，而不是在每次 backward 之前

Features gathered over ranks without their gradient.

跨进程收集的特征丢失了梯度。

Looks behind the input for products and distances whose one side has no graph and holds nothing but rows that all_gather,
gather or their forms for objects gave of features that require a gradient.

沿计算图查找输入背后的乘积和距离：其中一侧没有计算图，且每一行都是 all_gather、gather 或它们的对象版本从需要梯度的特征收集来的。

They give copies without a graph. The features are pulled as anchors alone, never as what others are compared
with: the gradient is not that of the loss over all ranks.

它们给出的是没有计算图的副本。特征只作为锚点得到梯度，作为比较对象时则没有：得到的不是所有进程上的损失的梯度。

the features that {who} compares with were gathered over ranks without their gradient

{who} 用来比较的特征是跨进程收集的，丢失了梯度

{own} of {all} rows on one side of a comparison are this rank's, gathered by a function that gives no graph

比较的一侧共 {all} 行，其中 {own} 行是本进程的，由不带计算图的函数收集而来

what those rows should add to the gradient is missing

这些行应贡献的梯度缺失了

the anchors get a gradient of norm {there}, and the gathered rows of this rank miss one of norm {missing}

锚点得到的梯度范数为 {there}，本进程被收集的行则缺失范数为 {missing} 的梯度

gather with torch.distributed.nn.functional.all_gather, whose result has a gradient

改用 torch.distributed.nn.functional.all_gather 收集，其结果带梯度

Predictions from a threshold that does not fit the loss.

得出预测所用的阈值与损失不符。

Looks for comparisons with 0.5, and for rounding, of the logits that a loss takes, or of their sigmoid's sigmoid. They are
known by their values, or by the layer that gave them, whether they come before the loss or after it.

查找与 0.5 的比较以及四舍五入：对象是损失所用的 logits，或其 sigmoid 的 sigmoid。依据是数值相同，或出自同一层；在损失之前或之后均可。

The logit of the probability 0.5 is 0; at a logit of 0.5 the probability is 0.62 already. And the sigmoid of a
probability lies between 0.5 and 0.73, so that every prediction is yes. The loss is right, the accuracy is not.

概率 0.5 对应的 logit 是 0；logit 为 0.5 时概率已是 0.62。而概率的 sigmoid 在 0.5 与 0.73 之间，预测全部为“是”。损失是对的，
准确率却不对。

a sigmoid is taken twice before probabilities are rounded

做了两次 sigmoid，然后四舍五入

a sigmoid is taken twice before probabilities are compared with 0.5

做了两次 sigmoid，然后与 0.5 比较

logits are rounded, as if they were probabilities

把 logits 当作概率四舍五入

logits are compared with 0.5, as if they were probabilities

把 logits 当作概率与 0.5 比较

the values are the sigmoid of what {who} takes for probabilities, at {line}

数值是 {who} 的概率再做一次 sigmoid 的结果（{line}）

the values are those of the logits that {who} takes, at {line}

数值就是 {who} 的 logits（{line}）

the values come from the layer whose logits {who} takes, at {line}

数值与 {who} 的 logits 出自同一层（{line}）

{flipped} of {all} predictions are not those of a probability of 0.5

{all} 个预测中有 {flipped} 个与按概率 0.5 得出的不同

take the sigmoid once

只做一次 sigmoid

compare logits with 0, or take their sigmoid first

将 logits 与 0 比较，或先对其做 sigmoid
"""
