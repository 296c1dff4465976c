"""Silero VAD v6 as matrix products and one LSTM whose state is an input: a graph for 16 kHz, one for 8 kHz.

The package's graph takes one frame a run, in convolutions over four positions: too small to be fast. Here the same
weights run T frames of B streams at once, 10 times cheaper a frame. Each position that a convolution gives is one
matrix, over the two or three positions that it sees; the STFT is two. Its windowed cosines are even and its sines odd,
so the second half of a window is mirrored, added to the first and subtracted from it before, which saves half of these
products. The weights are constants of the graph, so onnxruntime packs them, and a packed product adds up in one order
whatever the number of rows: a frame gives the same bits in any company.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]

_STEPS: Final = ((4, 1), (4, 2), (2, 2), (1, 1))
"""Positions that go into each convolution of the encoder, and its stride. All have 3 taps and a padding of 1."""

_GRAPH: Final = """
<ir_version: 8, opset_import: ["": 17]>
silero (float[B,N] samples, float[B,M] memory) => (float[B,T] probabilities, float[B,M] memory_next)
{
    h0, c0, context0 = Split <axis = 1> (memory, parts)
    body = Reshape (samples, by_frame)
    contexts = Slice (body, from_context, until_last, frames_and_columns)
    context1 = Unsqueeze (context0, second)
    before = Concat <axis = 1> (context1, contexts)
    mirrored = Slice (body, mirror_from, mirror_until, third, backwards)
    frames = Concat <axis = 2> (before, body, mirrored)
    padded = Reshape (frames, by_padded)
    early = Slice (padded, one, after, second)
    late0 = Slice (padded, edge2, edge1, second, backwards)
    late1 = Slice (padded, edge3, edge2, second, backwards)
    late2 = Slice (padded, edge4, edge3, second, backwards)
    late3 = Slice (padded, edge5, edge4, second, backwards)
    late = Concat <axis = 1> (late0, late1, late2, late3)
    sums = Add (early, late)
    differences = Sub (early, late)
    even = Reshape (sums, by_half)
    odd = Reshape (differences, by_half)
    real = MatMul (even, cosines)
    imaginary = MatMul (odd, sines)
    real2 = Mul (real, real)
    imaginary2 = Mul (imaginary, imaginary)
    power = Add (real2, imaginary2)
    magnitude = Sqrt (power)
    x0 = Reshape (magnitude, by_spectra)
ENCODER
    runs = Shape <start = 0, end = 2> (body)
    runs128 = Concat <axis = 0> (runs, width128)
    encoded = Reshape (x4, runs128)
    sequence = Transpose <perm = [1, 0, 2]> (encoded)
    h1 = Unsqueeze (h0, first)
    c1 = Unsqueeze (c0, first)
    y, h2, c2 = LSTM <hidden_size = 128> (sequence, input_weight, state_weight, state_bias, , h1, c1)
    by_stream = Transpose <perm = [2, 0, 1, 3]> (y)
    units = Reshape (by_stream, by_units)
    active = Relu (units)
    logits = Gemm (active, output_weight, output_bias)
    chances = Sigmoid (logits)
    probabilities = Reshape (chances, runs)
    h = Squeeze (h2, first)
    c = Squeeze (c2, first)
    context = Slice (samples, last_context, end, second)
    memory_next = Concat <axis = 1> (h, c, context)
}
"""


def network(model: bytes, frame: int) -> bytes:
    """Rewrite one of the two networks in the package's `silero_vad.onnx`: that for `frame` samples, 512 or 256.

    The result takes samples (B, T * `frame`) and memory, which is the LSTM's h and c and the last samples before these
    (B, 128 + 128 + `frame` / 8), and gives probabilities (B, T) and the next memory.
    """
    import onnx
    import onnx.parser
    from onnx import numpy_helper

    rewritten = onnx.parser.parse_model(_GRAPH.replace("ENCODER", "\n".join(_encoder())))
    weights = _weights(dict(_constants(onnx.load_model_from_string(model).graph)), frame // 2)
    constants = weights | {name: np.array(value, np.int64) for name, value in _sizes(frame).items()}
    rewritten.graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()
    )
    serialized: bytes = rewritten.SerializeToString()
    return serialized


def _encoder() -> Iterator[str]:
    """The convolutions: of each position that one gives, what it sees, and the product with that."""
    for layer, (positions, stride) in enumerate(_STEPS):
        places = range(0, positions, stride)
        for place in places:
            (first, last), part = _seen(place, positions), f"{layer}_{place}"
            yield f"seen{part} = Slice (x{layer}, at{layer}_{first}, at{layer}_{last}, second)"
            yield f"a{part} = Gemm (seen{part}, weight{part}, bias{layer})"
            yield f"x{part} = Relu (a{part})"
        yield f"x{layer + 1} = Concat <axis = 1> ({', '.join(f'x{layer}_{place}' for place in places)})"


def _seen(place: int, positions: int) -> tuple[int, int]:
    """The first position that three taps around `place` see, and the one after the last: beyond is nothing."""
    return max(place - 1, 0), min(place + 2, positions)


def _sizes(frame: int) -> dict[str, list[int]]:
    """The whole numbers that `_GRAPH` names: an STFT of four windows, each half a frame, over a mirrored end."""
    window, hop, context = frame // 2, frame // 4, frame // 8
    return {
        "first": [0],
        "second": [1],
        "third": [2],
        "frames_and_columns": [1, 2],
        "backwards": [-1],
        "end": [2**31],
        "parts": [128, 128, context],
        "by_frame": [0, -1, frame],
        "from_context": [0, frame - context],
        "until_last": [-1, frame],
        "last_context": [-context],
        "mirror_from": [frame - 2],
        "mirror_until": [frame - 2 - hop // 2],
        "by_padded": [-1, context + frame + hop // 2],
        "one": [1],
        "after": [frame + 1],
        **{f"edge{index}": [index * hop - 1] for index in range(1, 6)},
        "by_half": [-1, hop],
        "by_spectra": [-1, 4 * (window // 2 + 1)],
        "by_units": [-1, 128],
        "width128": [128],
    }


def _constants(graph: Any) -> Iterator[tuple[str, Array]]:
    """Every constant of an onnx graph and of the branches in it, by name."""
    from onnx import numpy_helper

    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t"):
                yield node.output[0], numpy_helper.to_array(attribute.t)
            elif attribute.HasField("g"):
                yield from _constants(attribute.g)


def _weights(constants: dict[str, Array], window: int) -> dict[str, Any]:
    """The weights that `_GRAPH` names, of the network whose STFT has windows of `window` samples."""
    basis = "stft.forward_basis_buffer"
    root = next(name for name in constants if name.endswith(basis) and constants[name].shape[2] == window)
    root = root.removesuffix(basis)
    bases, bins = constants[root + basis][:, 0].T, window // 2 + 1
    half = bases[1:bins].copy()
    half[-1] /= 2  # the sample in the middle of a window is added to itself
    weights = {"cosines": half[:, :bins], "sines": half[:, bins:]}
    for layer, (positions, stride) in enumerate(_STEPS):
        kernel = constants[f"{root}encoder.{layer}.reparam_conv.weight"]  # (out, in, taps)
        weights[f"bias{layer}"] = constants[f"{root}encoder.{layer}.reparam_conv.bias"]
        for place in range(0, positions, stride):
            first, last = _seen(place, positions)
            weights |= {f"at{layer}_{edge}": np.array([edge * kernel.shape[1]]) for edge in (first, last)}
            taps = kernel[:, :, first - place + 1 : last - place + 1]
            weights[f"weight{layer}_{place}"] = taps.transpose(2, 1, 0).reshape(-1, len(kernel))
    decoder = root + "decoder."
    weights["input_weight"] = _gates(constants[decoder + "rnn.weight_ih"])[None]
    weights["state_weight"] = _gates(constants[decoder + "rnn.weight_hh"])[None]
    biases = [_gates(constants[decoder + name]) for name in ("rnn.bias_ih", "rnn.bias_hh")]
    weights["state_bias"] = np.concatenate(biases)[None]
    weights["output_weight"] = constants[decoder + "decoder.2.weight"].reshape(128, 1)
    weights["output_bias"] = constants[decoder + "decoder.2.bias"]
    return weights


def _gates(rows: Array) -> Array:
    """Torch's order of the LSTM's gates, i f g o, to that of ONNX, i o f c."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])
