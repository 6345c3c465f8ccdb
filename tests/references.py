"""The equations of Vinyals et al. 2016 (arXiv:1606.04080) written in plain loops over scalars.

Every value is a scalar tensor, so that gradients come from the same loops.
"""

import torch


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def kernel(a, b, name):
    if name == "dot":
        return dot(a, b)
    if name == "euclidean":
        return -sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return dot(a, b) / (torch.sqrt(dot(a, a)) * torch.sqrt(dot(b, b)))


def softmax(scores):
    exponentials = [torch.exp(s) for s in scores]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def mean_vector(vectors, weights):
    total = sum(weights)
    return [sum(w * v[d] for w, v in zip(weights, vectors, strict=True)) / total for d in range(len(vectors[0]))]


def attention_sum(x, support, temperature, name, weights):
    """a(x, x_i) = softmax of the scaled kernel, an example of weight w counting w times."""
    exponentials = [w * torch.exp(temperature * kernel(x, g, name)) for g, w in zip(support, weights, strict=True)]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def vote(x, support, labels, weights, temperature, name, class_vote, share):
    """Probability of each class for one query."""
    n_way = len(labels[0])
    if class_vote == "sum":  # equation 1: the attention-weighted sum of the labels
        a = attention_sum(x, support, temperature, name, weights)
        return [sum(a[i] * labels[i][c] for i in range(len(support))) for c in range(n_way)]
    mean, proto = [], []
    for c in range(n_way):
        size = sum(w * y[c] for w, y in zip(weights, labels, strict=True))
        members = [w * y[c] for w, y in zip(weights, labels, strict=True)]
        summed = sum(m * torch.exp(temperature * kernel(x, g, name)) for m, g in zip(members, support, strict=True))
        mean.append(torch.log(summed / size))
        proto.append(temperature * kernel(x, mean_vector(support, members), name))
    scores = {
        "mean": mean,
        "prototype": proto,
        "mixed": [share * p + (1 - share) * m for p, m in zip(proto, mean, strict=True)],
    }[class_vote]
    return softmax(scores)


def represent(x, support, temperature, name, weights):
    """h(x) = Σ_i a(x, x_i) g(x_i) under the paper's attention."""
    a = attention_sum(x, support, temperature, name, weights)
    return [sum(a[i] * support[i][d] for i in range(len(support))) for d in range(len(x))]


def lstm_step(x, h, c, weight_ih, weight_hh, bias):
    """One step of an LSTM; gates in the order input, forget, cell, output."""
    size = len(c)
    gates = [dot(weight_ih[r], x) + (dot(weight_hh[r], h) if weight_hh is not None else 0) + bias[r]
             for r in range(4 * size)]  # fmt: skip
    new_c, new_h = [], []
    for j in range(size):
        i, f = torch.sigmoid(gates[j]), torch.sigmoid(gates[size + j])
        g, o = torch.tanh(gates[2 * size + j]), torch.sigmoid(gates[3 * size + j])
        new_c.append(f * c[j] + i * g)
        new_h.append(o * torch.tanh(new_c[j]))
    return new_h, new_c


def project(h, weight):
    return h if weight is None else [dot(row, h) for row in weight]


def full_context(support, lstm, gate, projection):
    """g(x_i, S) = g'(x_i) + γ (→h_i + ←h_i); the backward LSTM starts at |S| (appendix A.2)."""
    size = lstm.hidden_size
    zero = [torch.zeros((), dtype=torch.float64) for _ in range(size)]

    def run(vectors, suffix):
        h, c, states = zero, zero, []
        bias = getattr(lstm, f"bias_ih_l0{suffix}") + getattr(lstm, f"bias_hh_l0{suffix}")
        for x in vectors:
            h, c = lstm_step(x, h, c, getattr(lstm, f"weight_ih_l0{suffix}"),
                             getattr(lstm, f"weight_hh_l0{suffix}"), bias)  # fmt: skip
            states.append(h)
        return states

    forward = run(support, "")
    backward = run(support[::-1], "_reverse")[::-1]
    embedded = []
    for x, f, b in zip(support, forward, backward, strict=True):
        step = project([p + q for p, q in zip(f, b, strict=True)], projection)
        embedded.append([v + gate * s for v, s in zip(x, step, strict=True)])
    return embedded


def attention_lstm(x, support, steps, gates, gate, projection):
    """f(x, S) = h_K: equations 3 to 6, with h_0 = c_0 = 0 and r_{k-1} read by an inner dot product."""
    size = gates.out_features // 4
    h = [torch.zeros((), dtype=torch.float64) for _ in x]
    c = [torch.zeros((), dtype=torch.float64) for _ in range(size)]
    for _ in range(steps):
        a = softmax([dot(h, g) for g in support])
        r = [sum(a[i] * support[i][d] for i in range(len(support))) for d in range(len(x))]
        hat, c = lstm_step([*x, *h, *r], [], c, gates.weight, None, gates.bias)
        h = [v + gate * s for v, s in zip(x, project(hat, projection), strict=True)]
    return h if steps else x
