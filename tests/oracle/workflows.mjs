// Reads workflow files with GitHub's own parser: JSON lines on standard input, one answer a line on standard output.
//
//   in   {"file": "ci.yml", "text": "on: push\n…"}
//   out  {"errors": [{"line": 1, "column": 1, "message": "…"}], "events": ["push"],
//         "jobs": [{"id": "build", "needs": [], "if": "success()", "steps": [{"id": "__run", "if": "success()"}]}]}

import { createInterface } from "node:readline";
import { register } from "node:module";

// The package imports its JSON as bundlers do; Node wants to be told.
const json = `export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  const { readFile } = await import("node:fs/promises");
  const source = "export default " + (await readFile(new URL(url), "utf8"));
  return { format: "module", source, shortCircuit: true };
}`;
register(`data:text/javascript,${encodeURIComponent(json)}`);

const { FeatureFlags } = await import("@actions/expressions/features");
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
const { ErrorPolicy } = await import("@actions/workflow-parser/model/convert");
const { TemplateContext, TemplateValidationErrors } = await import("@actions/workflow-parser/templates/template-context");
const { getWorkflowSchema } = await import("@actions/workflow-parser/workflows/workflow-schema");

const options = {
  errorPolicy: ErrorPolicy.TryConversion,
  fetchReusableWorkflowDepth: 0,
  featureFlags: new FeatureFlags({ all: true }),
};

const toError = (error) => ({
  line: error.range?.start.line ?? null,
  column: error.range?.start.column ?? null,
  message: error.rawMessage ?? error.message,
});

const toStep = (step) => ({ id: step.id, if: step.if?.expression ?? null });

const toJob = (job) => ({
  id: job.id.value,
  needs: (job.needs ?? []).map((need) => need.value),
  if: job.if?.expression ?? null,
  steps: job.steps?.map(toStep) ?? null,
});

async function read({ file, text }) {
  const schema = getWorkflowSchema();
  const context = new TemplateContext(new TemplateValidationErrors(), schema, new NoOperationTraceWriter());
  context.state.featureFlags = options.featureFlags;
  const { value } = parseWorkflow({ name: file, content: text }, context);
  if (value === undefined) return { errors: context.errors.getErrors().map(toError), events: [], jobs: [] };
  const template = await convertWorkflowTemplate(context, value, undefined, options);
  return {
    errors: context.errors.getErrors().map(toError),
    events: Object.keys(template.events ?? {}),
    jobs: (template.jobs ?? []).map(toJob),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await read(JSON.parse(line));
  } catch (error) {
    answer = { crash: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
