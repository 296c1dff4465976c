"""Silero VAD v6 at 16 kHz as matrix products and one LSTM whose state is an input.

The package's graph takes one frame a run, in convolutions over four positions: too small to be fast. Here the same
weights run T frames of B streams at once, 10 times cheaper a frame. Every convolution over four, two or one position
is one matrix; the STFT is two. The weights are constants of the graph, so onnxruntime packs them, and a packed product
adds up in one order whatever the number of rows: a frame gives the same bits in any company.
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
silero (float[T,B,576] frames, float[1,B,128] h, float[1,B,128] c)
    => (float[T,B] probabilities, float[1,B,128] h_next, float[1,B,128] c_next)
{
    columns = Constant <value = int64[1] {1}> ()
    backwards = Constant <value = int64[1] {-1}> ()
    i0 = Constant <value = int64[1] {0}> ()
    i128 = Constant <value = int64[1] {128}> ()
    i256 = Constant <value = int64[1] {256}> ()
    i384 = Constant <value = int64[1] {384}> ()
    i510 = Constant <value = int64[1] {510}> ()
    i512 = Constant <value = int64[1] {512}> ()
    i574 = Constant <value = int64[1] {574}> ()
    i640 = Constant <value = int64[1] {640}> ()
    by128 = Constant <value = int64[2] {-1, 128}> ()
    by256 = Constant <value = int64[2] {-1, 256}> ()
    by516 = Constant <value = int64[2] {-1, 516}> ()
    by576 = Constant <value = int64[2] {-1, 576}> ()

    rows = Reshape (frames, by576)
    mirrored = Slice (rows, i574, i510, columns, backwards)
    padded = Concat <axis = 1> (rows, mirrored)
    hop0 = Slice (padded, i0, i256, columns)
    hop1 = Slice (padded, i128, i384, columns)
    hop2 = Slice (padded, i256, i512, columns)
    hop3 = Slice (padded, i384, i640, columns)
    joined = Concat <axis = 1> (hop0, hop1, hop2, hop3)
    hops = Reshape (joined, by256)
    real = MatMul (hops, cosines)
    imaginary = MatMul (hops, sines)
    real2 = Mul (real, real)
    imaginary2 = Mul (imaginary, imaginary)
    power = Add (real2, imaginary2)
    magnitude = Sqrt (power)
    spectra = Reshape (magnitude, by516)

    a0 = Gemm (spectra, weight0, bias0)
    x0 = Relu (a0)
    a1 = Gemm (x0, weight1, bias1)
    x1 = Relu (a1)
    a2 = Gemm (x1, weight2, bias2)
    x2 = Relu (a2)
    a3 = Gemm (x2, weight3, bias3)
    x3 = Relu (a3)

    runs = Shape <start = 0, end = 2> (frames)
    runs128 = Concat <axis = 0> (runs, i128)
    sequence = Reshape (x3, runs128)
    y, h_next, c_next = LSTM <hidden_size = 128> (sequence, input_weight, state_weight, state_bias, , h, c)
    a4 = Relu (y)
    x4 = Reshape (a4, by128)
    logits = Gemm (x4, output_weight, output_bias)
    chances = Sigmoid (logits)
    probabilities = Reshape (chances, runs)
}
"""


def network(model: bytes) -> bytes:
    """Rewrite the package's `silero_vad.onnx`.

    The result takes frames (T, B, 64 samples of context + 512) and the LSTM's h and c (1, B, 128), and gives
    probabilities (T, B) and the next h and c.
    """
    import onnx
    import onnx.parser
    from onnx import numpy_helper

    rewritten = onnx.parser.parse_model(_GRAPH)
    weights = _weights(dict(_constants(onnx.load_model_from_string(model).graph)))
    rewritten.graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()
    )
    serialized: bytes = rewritten.SerializeToString()
    return serialized


def _constants(graph: Any) -> Iterator[tuple[str, Array]]:
    """Every constant of an onnx graph and of the branches in it, by name."""
    from onnx import numpy_helper

    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t"):
                yield node.output[0], numpy_helper.to_array(attribute.t)
            elif attribute.HasField("g"):
                yield from _constants(attribute.g)


def _weights(constants: dict[str, Array]) -> dict[str, Array]:
    """What `_GRAPH` names, from the package's constants. There are two networks: 16 kHz has the longer STFT."""
    basis = ".stft.forward_basis_buffer"
    root = max((name for name in constants if name.endswith(basis[1:])), key=lambda name: constants[name].size)
    root = root.removesuffix(basis[1:])
    bases = constants[root + basis[1:]][:, 0].T
    weights = {"cosines": bases[:, :129], "sines": bases[:, 129:]}
    for index, (positions, stride) in enumerate(_STEPS):
        convolution = f"{root}encoder.{index}.reparam_conv."
        weights[f"weight{index}"], weights[f"bias{index}"] = _matrix(
            constants[convolution + "weight"], constants[convolution + "bias"], positions, stride
        )
    decoder = root + "decoder."
    weights["input_weight"] = _gates(constants[decoder + "rnn.weight_ih"])[None]
    weights["state_weight"] = _gates(constants[decoder + "rnn.weight_hh"])[None]
    biases = [_gates(constants[decoder + name]) for name in ("rnn.bias_ih", "rnn.bias_hh")]
    weights["state_bias"] = np.concatenate(biases)[None]
    weights["output_weight"] = constants[decoder + "decoder.2.weight"].reshape(128, 1)
    weights["output_bias"] = constants[decoder + "decoder.2.bias"]
    return weights


def _matrix(kernel: Array, bias: Array, positions: int, stride: int) -> tuple[Array, Array]:
    """The matrix and bias that do what a convolution does: `kernel` is (out, in, 3 taps), padding is 1."""
    outputs, inputs, taps = kernel.shape
    places = (positions - 1) // stride + 1
    matrix = np.zeros((positions, inputs, places, outputs), np.float32)
    for place in range(places):
        for tap in range(taps):
            position = place * stride + tap - 1
            if 0 <= position < positions:
                matrix[position, :, place] = kernel[:, :, tap].T
    return matrix.reshape(positions * inputs, places * outputs), np.tile(bias, places)


def _gates(rows: Array) -> Array:
    """Torch's order of the LSTM's gates, i f g o, to that of ONNX, i o f c."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])
