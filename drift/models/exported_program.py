"""Load an exported program (.pt2) without running anything that its writer chose.

`torch.export.load` unpickles whatever the file marks as pickled, loads shared libraries, evaluates expressions over
sizes as Python, and finds operators by attribute, from `torch` on: a file may name `torch.os.system`. Here the records
of the file are read without unpickling and each is checked against what a plain network needs. A new archive is made
in memory of those that passed, and only that is given to PyTorch: no second reader sees what the first did not.

Allowed are operators of ATen, arithmetic on sizes, and tensors as raw bytes. This module ships in a model's archive
beside the handler, so it imports nothing else of ours.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

# Of tensors and arguments: never Python code, and no name of two underscores, which every Python object has some of.
NAME = re.compile(r"(_?[A-Za-z0-9][A-Za-z0-9_]*(\._?[A-Za-z0-9][A-Za-z0-9_]*)*)?|-?Infinity")
LONGEST_NAME = 300  # characters
ATTRIBUTE_KEYS = frozenset({"parameter_name", "buffer_name", "tensor_constant_name"})  # become attributes of the module
LARGEST_PROGRAM = 1 << 30  # bytes; it is held several times while it is checked, before anybody trusts it
MOST_ENTRIES = 100_000  # of the archive: one for each tensor
LIFTED = re.compile(
    r"_?lifted_tensor_[0-9]{1,9}|_?lifted_tensor_constant_?[0-9]{1,9}"
)  # as torch.export names constants
TEXT_ARGUMENT = re.compile(r"[A-Za-z0-9_ ,.>-]{0,300}")  # of an operator, such as how a mean is rounded
VERSION = re.compile(r"[A-Za-z0-9_.+<=-]{0,60}")
ATEN = re.compile(r"torch\.ops\.aten\.(_?[a-z][A-Za-z0-9_]*)\.([A-Za-z][A-Za-z0-9_]*)")
# Operators of ATen that check their arguments, work on tensors alone, and touch neither files nor other memory. Some
# 3,700 others are left out, of which a few do none of that: unchecked offsets of segments and sparse tensors, for one.
ATEN_OPERATORS = frozenset(
    """
    _assert_tensor_metadata _to_copy _unsafe_view abs adaptive_avg_pool1d adaptive_avg_pool2d add addmm all amax
    amin any arange argmax argmin avg_pool1d avg_pool2d baddbmm batch_norm bmm bucketize cat ceil clamp clamp_max
    clamp_min clone contiguous conv1d conv2d cos cumsum detach detach_ div dropout eq exp expand expand_as
    flatten floor floor_divide full full_like gather ge gelu group_norm gt hardtanh index_select isfinite isnan
    layer_norm le leaky_relu lerp lift_fresh_copy linear log log1p log_softmax logical_and logical_not
    logical_or lt masked_fill matmul max maximum mean min minimum mm mul nan_to_num ne neg numpy_T ones
    ones_like permute pow reciprocal relu relu6 relu_ remainder reshape round rsqrt rsub searchsorted select
    sigmoid sign silu sin slice softmax softplus split split_with_sizes sqrt square squeeze stack std sub sum t
    tanh to topk transpose unbind unflatten unsqueeze var view where zeros zeros_like
    """.split()  # noqa: SIM905
)
ARITHMETIC = ("add", "sub", "mul", "floordiv", "mod", "truediv", "neg", "eq", "ne", "lt", "le", "gt", "ge")
# Those that make a tensor of none. Others without one work on Python's numbers and texts: some end the process.
FACTORIES = frozenset({"arange", "full", "ones", "zeros"})
CPU = {"type": "cpu", "index": None}  # a tensor of the device "meta" is memory that was never written
DTYPES = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 12, 13})  # of torch.export: integers, floats and bool
STRIDED = 7  # the layout of dense tensors
SIZE_OPERATORS = frozenset(
    {f"_operator.{name}" for name in ARITHMETIC}
    | {f"torch.sym_{name}" for name in ("max", "min", "int", "float", "not")}
    | {"torch.ops.aten.sym_size.int"}
)
SIZE_FUNCTIONS = frozenset(
    {"Symbol", "Integer", "Add", "Mul", "Min", "Max", "Mod", "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod"}
)
REFUSED_KEYS = frozenset({"as_graph", "as_operator", "as_custom_obj", "as_string_to_argument", "custom_obj", "token"})
CONTAINERS = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict"})
PROGRAM = "models/model.json"
WEIGHTS, CONSTANTS = "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"
TENSOR = re.compile(r"data/(weights/weight|constants/tensor)_[0-9]{1,9}")
IGNORED = frozenset({SAMPLE_INPUTS, "archive_format", "archive_version", "byteorder", ".data/version"})
IGNORED_BEGINNINGS = (".data/serialization_id",)


class RefusedProgramError(ValueError):
    """The file is not an exported program that can be loaded safely; says what it holds that is not allowed."""


def load_program(path: Path) -> torch.nn.Module:
    """The network in an exported program.

    Args:
        path: of a file (.pt2) that `torch.export.save` wrote.

    Returns:
        The network, as `torch.export.load(path).module()` gives it, without checks of the shape of its input.

    Raises:
        RefusedProgramError: the file holds pickled objects, custom objects, libraries, or operators and expressions
            other than those allowed; or it is damaged. Nothing of it was run.
        OSError: it cannot be read.
    """
    safe = io.BytesIO(checked_file(path))
    try:
        module: torch.nn.Module = torch.export.load(safe).module(check_guards=False)
    except Exception as error:  # a graph of allowed parts that do not fit together
        raise RefusedProgramError(f"{path.name} is damaged: {_line(error)}") from error
    _require_tensors(module)
    return module


def checked_file(path: Path) -> bytes:
    """As `checked`, of a file; one of more than `LARGEST_PROGRAM` bytes is not read."""
    if (size := path.stat().st_size) > LARGEST_PROGRAM:
        raise RefusedProgramError(f"a file of {size:,} bytes, where {LARGEST_PROGRAM:,} are the most")
    return checked(path.read_bytes())


def checked(content: bytes) -> bytes:
    """The archive again, made of the records that were checked, and without the inputs that it was exported with.

    Args:
        content: of a .pt2 file.

    Raises:
        RefusedProgramError: as `load_program`.
    """
    try:
        records = _records(content)
        program = _safe_program(_parsed(records, PROGRAM))
        configs = {name: _safe_payloads(_parsed(records, name), records, name) for name in (WEIGHTS, CONSTANTS)}
        _require_known_tensors(program, {name for config in configs.values() for name in config["config"]})
    except RefusedProgramError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise RefusedProgramError(f"not an exported program as torch.export.save writes it: {_line(error)}") from error
    buffer = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(buffer)
    writer.set_min_version(6)  # of the zip format that torch.export.save writes
    for name, value in {PROGRAM: program, **configs}.items():
        _write(writer, name, json.dumps(value).encode())
    for name, content_of_tensor in records.items():
        if TENSOR.fullmatch(name):
            _write(writer, name, content_of_tensor)
    for name, text in ((SAMPLE_INPUTS, ""), ("archive_format", "pt2"), ("archive_version", "0")):
        _write(writer, name, text.encode())
    writer.write_end_of_file()
    return buffer.getvalue()


def _records(content: bytes) -> dict[str, bytes]:
    """What is in the archive, by name; all of it is of a known kind."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise RefusedProgramError("a compressed entry, which torch.export.save does not write")
            if len(entries) > MOST_ENTRIES:
                raise RefusedProgramError(f"{len(entries):,} entries, where {MOST_ENTRIES:,} are the most")
            # Several entries of one record would be read and checked once for each.
            if sum(entry.file_size for entry in entries) > len(content):
                raise RefusedProgramError("entries that are larger together than the file")
            if len({entry.filename.partition("/")[2] for entry in entries}) < len(entries):
                raise RefusedProgramError("two entries of one name")
            contents = {entry.filename.partition("/")[2]: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise RefusedProgramError(f"not a zip archive as torch.export.save writes it: {_line(error)}") from error
    known = {PROGRAM, WEIGHTS, CONSTANTS, *IGNORED}
    for name in contents:
        if name not in known and not TENSOR.fullmatch(name) and not name.startswith(IGNORED_BEGINNINGS):
            raise RefusedProgramError(f"an entry {name[:80]!r}: only the tensors and the graph of a network are loaded")
    return contents


def _parsed(records: dict[str, bytes], name: str) -> dict[str, Any]:
    if name not in records:
        raise RefusedProgramError(f"no entry {name!r}")
    try:
        content = json.loads(records[name])
    except ValueError as error:
        raise RefusedProgramError(f"an entry {name!r} that is not JSON: {_line(error)}") from error
    if not isinstance(content, dict):
        raise RefusedProgramError(f"an entry {name!r} that is not a JSON object")
    return content


def _safe_payloads(config: dict[str, Any], records: dict[str, bytes], place: str) -> dict[str, Any]:
    """Tensors as raw bytes only."""
    folder = place.rpartition("/")[0]
    for name, payload in config["config"].items():
        if payload["use_pickle"] is not False:
            raise RefusedProgramError(f"{name[:80]!r} is pickled, and a pickle can run any code when it is loaded")
        file = f"{folder}/{payload['path_name']}"
        if not TENSOR.fullmatch(file) or file not in records:
            raise RefusedProgramError(f"{name[:80]!r} is kept in {file[:80]!r}, which is no tensor of this archive")
        _require_attribute(name)
        numbers = math.prod(int(size["as_int"]) for size in payload["tensor_meta"]["sizes"])
        if not 0 <= numbers <= len(records[file]):  # a number takes a byte at least: no tensor larger than its bytes
            raise RefusedProgramError(f"{name[:80]!r} of {numbers} numbers in {len(records[file])} bytes")
    _require_names(config, place)
    return config


def _safe_program(program: dict[str, Any]) -> dict[str, Any]:
    """The graph without what is only for people (stack traces) or evaluated as Python (guards)."""
    module = program["graph_module"]
    for node in module["graph"]["nodes"]:
        _require_operator(node["target"])
        if node.get("name") == "self":  # what the generated code calls the module
            raise RefusedProgramError("a node called 'self'")
        node["metadata"] = {}
    if module["graph"].get("custom_obj_values") or module.get("treespec_namedtuple_fields"):
        raise RefusedProgramError("custom objects, which are pickled")
    module["metadata"] = {}
    module["module_call_graph"] = module["module_call_graph"][:1]  # the network itself; its parts are for people
    program["guards_code"] = []
    _require_names(program, PROGRAM)
    return program


def _require_names(value: Any, key: str) -> None:
    """No text anywhere that could be more than a name, a size or the plan of a container."""
    if isinstance(value, dict):
        for inner, content in value.items():
            if inner in ("device", "as_device") and content not in (CPU, None):
                raise RefusedProgramError(f"a tensor on the device {str(content)[:80]}: only those of the CPU are")
            if inner in REFUSED_KEYS:
                raise RefusedProgramError(f"an argument of the kind {inner!r}: only tensors, numbers and texts are")
            if len(inner) > LONGEST_NAME or not NAME.fullmatch(inner):
                raise RefusedProgramError(f"a name {inner[:80]!r}")
            _require_names(content, inner)
    elif isinstance(value, list):
        for content in value:
            _require_names(content, key)
    elif isinstance(value, str):
        _require_text(value, key)
    elif isinstance(value, int):
        dtypes, layouts = key in ("dtype", "as_scalar_type"), key in ("layout", "as_layout")
        if (dtypes and value not in DTYPES) or (layouts and value != STRIDED):
            raise RefusedProgramError(f"a tensor of {key} {value}: only dense ones of plain numbers are")


def _require_text(value: str, key: str) -> None:
    if key == "expr_str":
        _require_size(value)
    elif key in ("in_spec", "out_spec"):
        _require_containers(json.loads(value)[1])
    elif len(value) > LONGEST_NAME or not _pattern(key).fullmatch(value):
        raise RefusedProgramError(f"a {key} {value[:80]!r}")
    elif key in ATTRIBUTE_KEYS:
        _require_attribute(value)


def _pattern(key: str) -> re.Pattern[str]:
    return {"as_string": TEXT_ARGUMENT, "as_strings": TEXT_ARGUMENT, "torch_version": VERSION}.get(key, NAME)


def _require_operator(target: str) -> None:
    """An operator of ATen that works on tensors, or arithmetic on sizes."""
    if target in SIZE_OPERATORS:
        return
    match = ATEN.fullmatch(target)
    if match and match[1] in ATEN_OPERATORS and not match[2].endswith("_mode"):  # div "trunc": ends the process
        operator = getattr(getattr(torch.ops.aten, match[1], None), match[2], None)
        if isinstance(operator, torch._ops.OpOverload):
            arguments = operator._schema.arguments
            on_tensors = any("Tensor" in str(argument.type) for argument in arguments)
            if (on_tensors or match[1] in FACTORIES) and not any(argument.is_out for argument in arguments):
                return
    raise RefusedProgramError(f"an operator {target[:80]!r}: those of ATen that networks are made of are loaded")


def _require_attribute(name: str) -> None:
    """A path of attributes from the module on that only leads to tensors of the network's own."""
    for part in name.split("."):
        own = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", part) or LIFTED.fullmatch(part)
        if not own or hasattr(torch.nn.Module, part) or hasattr(torch.fx.GraphModule, part):
            raise RefusedProgramError(f"a tensor called {name[:80]!r}, which may be something else of a module")


def _require_known_tensors(program: dict[str, Any], there: set[str]) -> None:
    """Every parameter, buffer and constant that the graph names is a tensor of the archive."""
    for spec in program["graph_module"]["signature"]["input_specs"]:
        for kind, content in spec.items():
            for key in ATTRIBUTE_KEYS & content.keys():
                if content[key] not in there:
                    raise RefusedProgramError(f"a {kind} {content[key][:80]!r}, which is no tensor of this archive")


def _require_tensors(module: torch.nn.Module) -> None:
    """What the generated code reads from the module are tensors."""
    for node in module.graph.nodes:
        if node.op == "get_attr":
            value: Any = module
            for part in str(node.target).split("."):
                value = getattr(value, part)
            if not isinstance(value, torch.Tensor):
                raise RefusedProgramError(f"{str(node.target)[:80]!r} is no tensor")


def _require_size(expression: str) -> None:
    """An expression over sizes, which PyTorch will evaluate: numbers, symbols and arithmetic only."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, MemoryError) as error:
        raise RefusedProgramError(f"a size {expression[:80]!r}") from error
    allowed = (
        ast.Expression, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.UnaryOp, ast.USub,
        ast.Call, ast.Name, ast.Load, ast.keyword, ast.Constant,
    )  # fmt: skip
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        fine = isinstance(node, allowed)
        if isinstance(node, ast.Call):
            fine = isinstance(node.func, ast.Name) and node.func.id in SIZE_FUNCTIONS
        elif isinstance(node, ast.Name):
            fine = id(node) in called or re.fullmatch(r"[su][0-9]{1,9}", node.id) is not None
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            fine = re.fullmatch(r"[su][0-9]{1,9}", node.value) is not None
        elif isinstance(node, ast.Constant):
            fine = isinstance(node.value, bool | int | float)
        if not fine:
            raise RefusedProgramError(f"a size {expression[:80]!r}")


def _require_containers(plan: Any) -> None:
    """Inputs and outputs in tuples, lists and dicts; others are found by importing a module."""
    context = json.loads(plan["context"] or "null")
    keys = context if isinstance(context, list) else [] if context is None else [context]
    if plan["type"] not in CONTAINERS or not all(isinstance(key, str) and NAME.fullmatch(key) for key in keys):
        raise RefusedProgramError(f"inputs or outputs in {str(plan['type'])[:80]!r}")
    for part in plan["children_spec"]:
        _require_containers(part)


def _write(writer: Any, name: str, content: bytes) -> None:
    writer.write_record(name, content, len(content))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
