"""What the generated expressions are made of."""

from __future__ import annotations

CONTEXT_NAMES = ("github", "env", "matrix", "needs", "steps", "inputs", "vars", "odd")

KEYS = (
    "ref", "Ref", "name", "os", "a-b", "_x", "items", "event", "labels", "0", "true", "ß", "KEY", "key", "é",
)  # fmt: skip

PLAIN = (
    "", " ", "a", "A", "main", "push", "true", "false", "null", "Object", "Array", "NaN", "it's", "b,c", "\\n",
    "'", "a''b'c'd",
)  # fmt: skip

NUMERIC = (
    "0", "-0", "1", "-1", "+1", ".5", "5.", "1.50", "1e3", "1E-3", "0xff", "0xFF", "0o17", "Infinity",
    "-Infinity", "+Infinity", "0x", "0o8", "1_0", "1e", "--1", "1 2", " 12 ", "\t3\n", "123456789012345",
    "1e20", "0.1e-7", "00012", "-0x1",
)  # fmt: skip

# letters whose case is odd: dotless i, sharp s, final sigma, the sign for kelvin, digraphs, ligatures
UNICODE = (
    "ı", "I", "i", "İ", "straße", "STRASSE", "é", "É", "Σ", "ς", "σ", "😀", "日本", "á", "\x85", "\x7f", "\u2028",
    "\ufeff1", "ſ", "K", "ǆ", "Ǆ", "ﬁ", "FI", "\ue000",
)  # fmt: skip

NUMBERS = (
    "0", "1", "-1", "2", "10", "1.5", ".5", "-.5", "5.", "+3", "0x1F", "0o17", "1e3", "1E-2", "123456.789",
    "-0", "0.1", "999999999999999", "NaN", "Infinity", "-Infinity", "1e14", "0.0001", "3.14159265358979",
    "2147483648",
)  # fmt: skip

ODD_NUMBERS = (
    "0xfff", "0XFF", "0b11", "-0xaf", "1..2", "1.2.3", "1e400", "1e15", "123456789012345678", "0.00001", "1e-7",
    "+", "-", ".", "1-2", "0xG", "1a", "0.1234567890123456", "1e21", "4294967296", "0xFFFFFFFF", "-1e-400",
)  # fmt: skip

OPERATORS = ("==", "!=", ">", ">=", "<", "<=", "&&", "||")

JSON_TEXTS = (
    "null", "true", " 1 ", "-0", "1e2", '"a"', "[]", "{}", '[1,"b",null]', '{"a":{"b":[1,2]}}', '{"A":1,"b":2}',
    '[[1,[2]],{"name":"x"},{"name":"y"},3]', '"\\u0041\\n"', '"\\ud83d\\ude00"', "[true,false]", '{"":0}',
    '["1",1,true,null]', '{"a":1,"a":2}', '{"a":1,"A":2}', '{"b":1,"1":2}', '"\\ud800"', "1e999", "[NaN]",
)  # fmt: skip

BAD_JSON = (
    "", " ", "{", "[1,]", "{'a':1}", "NaN", "Infinity", "01", "1.", ".5", "+1", '"a', '"\t"', "nul", "{a:1}",
    "[1 2]", '{"a":1,}', "/*x*/1", "1 2", "-", '"\\x"', "[", "]", "True", '"\\u12"', "0x10", "undefined",
    "\ufeff1", "\xa01", "1\x0b", "-Infinity", "--1", "1e", '"\\ud83d"', "[1]]",
)  # fmt: skip

FORMATS = (
    "{0}", "{1}", "{0}{1}", "{0} {0}", "{{0}}", "{{{0}}}", "{{", "}}", "{", "}", "{}", "{a}", "{0", "0}",
    "{0}}", "{{0}", "{ 0}", "{0 }", "{-1}", "{00}", "{2}", "{255}", "{256}", "{99999999999}", "x{0}y{1}z",
    "{0:x}", "{0,5}", "}{", "{0}{", "'", "{{}}",
)  # fmt: skip

# what a mistake puts in
NOISE = (
    "(", ")", "[", "]", ",", ".", "*", "!", "=", "&", "|", "<", ">", "==", "&&", "||", "'", '"', "@", "$", "{",
    "}", "\\", "-", "+", "1", "a", " ", "\n", "#", "%", "^", "/", "?", ":", ";", "~", "`", "é", "github",
    "true", "null", "'a'", "0x", "_", "\x0b", "\xa0", "\u2028",
)  # fmt: skip

LITERALS = ("true", "false", "null")

# functions of two arguments
BINARY = ("contains", "startsWith", "endsWith", "Contains", "STARTSWITH")

FUNCTIONS = (
    "contains", "startsWith", "endsWith", "format", "join", "toJSON", "fromJSON", "case", "success",
    "hashFiles", "nope",
)  # fmt: skip

# functions that need the outside; the oracle has its own
OUTSIDE = ("success()", "failure()", "always()", "cancelled()", "hashFiles('a', 'b')", "SUCCESS()")

# what may follow a value
STEPS = (
    ".*", "[*]", ".name", ".missing", "['key']", "[0]", "[1]", "[-1]", "[1.9]", "['1']", "[true]", "[null]",
    " . ref", "[NaN]",
)  # fmt: skip
