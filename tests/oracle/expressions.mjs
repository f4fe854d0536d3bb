// Evaluates expressions with GitHub's own code: JSON lines on standard input, one answer a line on standard output.
//
//   in   {"expr": "github.ref", "contexts": {"o": [["github", {"o": [["ref", "main"]]}]]}}
//   out  {"kind": "String", "value": "main"}  or  {"error": {"kind": "parsing", "message": "..."}}
//
// Collections are tagged, so that order survives: {"a": [...]} and {"o": [[name, value], ...]}; so are the numbers
// that JSON has no way to write: {"n": "NaN"}.

import { readFileSync } from "node:fs";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";

const outside = [
  { name: "success", minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(true) },
  { name: "always", minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(true) },
  { name: "failure", minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(false) },
  { name: "cancelled", minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(false) },
  { name: "hashFiles", minArgs: 1, maxArgs: 255, call: (...args) => new data.StringData(`hash${args.length}`) },
];
const outsideByName = new Map(outside.map((one) => [one.name.toLowerCase(), one]));

function toData(value) {
  if (value === null) return new data.Null();
  switch (typeof value) {
    case "string":
      return new data.StringData(value);
    case "number":
      return new data.NumberData(value);
    case "boolean":
      return new data.BooleanData(value);
  }
  if (value.n !== undefined) return new data.NumberData(Number(value.n));
  if (value.a !== undefined) return new data.Array(...value.a.map(toData));
  return new data.Dictionary(...value.o.map(([key, item]) => ({ key, value: toData(item) })));
}

function fromData(value) {
  switch (value.kind) {
    case data.Kind.Null:
      return null;
    case data.Kind.Boolean:
    case data.Kind.String:
      return value.value;
    case data.Kind.Number:
      return Number.isFinite(value.value) ? value.value : { n: String(value.value) };
    case data.Kind.Array:
      return { a: value.values().map(fromData) };
    default:
      return { o: value.pairs().map(({ key, value: item }) => [key, fromData(item)]) };
  }
}

function kindName(value) {
  const name = data.Kind[value.kind];
  return name.endsWith("Dictionary") ? "Object" : name;
}

function answer({ expr, contexts }) {
  let stage = "lexing";
  try {
    const { tokens } = new Lexer(expr).lex();
    stage = "parsing";
    const names = contexts.o.map(([name]) => name);
    const tree = new Parser(tokens, names, outside).parse();
    if (tree === undefined) return { kind: "Null", value: null };
    stage = "evaluation";
    const value = new Evaluator(tree, toData(contexts), outsideByName).evaluate();
    return { kind: kindName(value), value: fromData(value) };
  } catch (error) {
    return { error: { kind: stage, message: String(error.message) } };
  }
}

const lines = readFileSync(0, "utf-8").split("\n").filter(Boolean);
process.stdout.write(lines.map((line) => `${JSON.stringify(answer(JSON.parse(line)))}\n`).join(""));
