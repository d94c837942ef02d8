// The programs here are asked one thing a line, in JSON, and answer with one line each. They end when their input does.
import { createInterface } from 'node:readline';

export async function serve(handlers) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, ...args } = JSON.parse(line);
    let answer;
    try {
      answer = { value: await handlers[ask](args) };
    } catch (error) {
      answer = { error: describe(error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  process.exit(0);
}

// What a library's own error says, whichever library it is.
function describe(error) {
  const { name, message, code, status, error: oauth, error_description, errorCode, errorMessage, errorNo } = error;
  const cause = error.cause instanceof Error ? describe(error.cause) : undefined;
  return {
    type: error.constructor.name, name, message, code: errorCode ?? oauth ?? code, status, number: errorNo,
    description: error_description ?? errorMessage, cause,
  };
}
