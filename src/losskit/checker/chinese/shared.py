"""What reports say, and what several rules do."""

TEXT = """
that raised {error}

抛出异常（{error}）

not computed

（无法计算）

{wrong} of {all}

{wrong}/{all}

{one} with {other}

{one} 与 {other}

What it does

检查什么

Why it is wrong

为什么是错的

{code} {name}: {summary}

{code} {name}：{summary}

losskit: {version}, watches the losses that tests call

losskit：{version}，检查测试所调用的损失

{codes}: a misused loss

{codes}：损失使用有误

in

位于

{test} and {count} other

{test} 及其他 {count} 个

{test} and {count} others

{test} 及其他 {count} 个

{count} test

{count} 个测试

{count} tests

{count} 个测试

{checked}, in {calling} of {tests}

{checked}，涉及 {tests}中的 {calling} 个

{checked} in {tests}

{tests}中{checked}

checked: {checked}; ignored: {ignored}; not checked: {unchecked}.

已检查：{checked}；已忽略：{ignored}；未检查：{unchecked}。

calls at import, between tests and in other processes

导入时、测试之间以及其他进程中的调用

whether the labels are right, and what is done with the outputs, but for a threshold of 0.5 beside their loss

标签是否正确，以及输出的用法（只检查与损失一同出现的阈值 0.5）

checked: {checked}; not checked: {unchecked}.

已检查：{checked}；未检查：{unchecked}。

The script ended with exit code {code}.

脚本以退出码 {code} 结束。

{told} {ended}

{told}{ended}

{count} {kind}

{count} 个{kind}

losskit check: {found}

losskit check：{found}

nothing found

未发现问题

the call

此次调用

in {seen} of {of} calls that were looked at

检查过的 {of} 次调用中有 {seen} 次

the graph of {name} ends in {node}

{name} 的计算图末端是 {node}

the graph does not tell what made {name}; its values do

计算图看不出 {name} 是由什么算出的，依据是它的数值

the loss

损失

the optimizer

优化器

no loss was called

无（没有调用任何损失函数）

{count} line

{count} 行

{count} lines

{count} 行

{looked} of {calls} in {lines}, by {rules} rules

{lines}代码的 {calls}中的 {looked} 次，共 {rules} 条规则

{calls} {why}

{why}的 {calls}

{what}, which failed with {error}

{what}（运行失败：{error}）

the loss behind {passes}, which calls none of torch's ({lines})

{passes}的损失，没有经过 torch 的任何损失函数（{lines}）

{count} backward pass

{count} 次反向传播

{count} backward passes

{count} 次反向传播

what made the input in {calls}, where the graph does not tell

{calls}的 input 是由什么算出的，计算图看不出来

{count} call

{count} 次调用

{count} calls

{count} 次调用

the training

训练过程

the comparisons

比较运算

that losskit cannot read ({error})

losskit 无法读取（{error}）

inside torch.compile, torch.func, a tracer or a tensor subclass

位于 torch.compile、torch.func、追踪器或张量子类内部

on the meta device

位于 meta 设备上

inside a CUDA graph

位于 CUDA graph 内部

use BCEWithLogitsLoss on the output of the linear layer

对线性层的输出使用 BCEWithLogitsLoss

the loss is {loss} on this batch

在这个批次上损失为 {loss}

;

；

,

，

error

错误

errors

错误

warning

警告

warnings

警告

note

提示

notes

提示

evidence

依据

harm

危害

mend

改法

seen

出现

Bad

错误写法

Good

正确写法

{what}.

{what}。

log-probabilities

对数概率
"""
