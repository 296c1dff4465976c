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
silero (float[T,B,W] frames, float[1,B,128] h, float[1,B,128] c)
    => (float[T,B] probabilities, float[1,B,128] h_next, float[1,B,128] c_next)
{
    rows = Reshape (frames, by_frame)
    mirrored = Slice (rows, mirror_from, mirror_until, columns, backwards)
    padded = Concat <axis = 1> (rows, mirrored)
    early = Slice (padded, one, after, columns)
    late0 = Slice (padded, edge2, edge1, columns, backwards)
    late1 = Slice (padded, edge3, edge2, columns, backwards)
    late2 = Slice (padded, edge4, edge3, columns, backwards)
    late3 = Slice (padded, edge5, edge4, columns, backwards)
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
    runs = Shape <start = 0, end = 2> (frames)
    runs128 = Concat <axis = 0> (runs, width128)
    sequence = Reshape (x4, runs128)
    y, h_next, c_next = LSTM <hidden_size = 128> (sequence, input_weight, state_weight, state_bias, , h, c)
    a = Relu (y)
    units = Reshape (a, by_units)
    logits = Gemm (units, output_weight, output_bias)
    chances = Sigmoid (logits)
    probabilities = Reshape (chances, runs)
}
"""


def network(model: bytes, frame: int) -> bytes:
    """Rewrite one of the two networks in the package's `silero_vad.onnx`: that for `frame` samples, 512 or 256.

    The result takes frames (T, B, `frame` / 8 samples of context + `frame`) and the LSTM's h and c (1, B, 128), and
    gives probabilities (T, B) and the next h and c.
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
            first, last = _seen(place, positions)
            part = f"{layer}_{place}"
            yield f"seen{part} = Slice (x{layer}, at{layer}_{first}, at{layer}_{last}, columns)"
            yield f"a{part} = Gemm (seen{part}, weight{part}, bias{layer})"
            yield f"x{part} = Relu (a{part})"
        yield f"x{layer + 1} = Concat <axis = 1> ({', '.join(f'x{layer}_{place}' for place in places)})"


def _seen(place: int, positions: int) -> tuple[int, int]:
    """The first position that three taps around `place` see, and the one after the last: beyond is nothing."""
    return max(place - 1, 0), min(place + 2, positions)


def _sizes(frame: int) -> dict[str, list[int]]:
    """The whole numbers that `_GRAPH` names: an STFT of four windows, each half a frame, over a mirrored end."""
    window, hop, width = frame // 2, frame // 4, frame + frame // 8
    return {
        "columns": [1],
        "backwards": [-1],
        "mirror_from": [width - 2],
        "mirror_until": [width - 2 - hop // 2],
        "one": [1],
        "after": [frame + 1],
        **{f"edge{index}": [index * hop - 1] for index in range(1, 6)},
        "by_frame": [-1, width],
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
