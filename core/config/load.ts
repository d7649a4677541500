import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type ErrorCode, LatticeError, messageOf } from '../errors/index.ts';

/**
 * Reads a YAML file and checks it against the schema of one process. Every fault is reported at once, each with its
 * path. Throws CONFIG_UNREADABLE or CONFIG_INVALID (or the code given).
 */
export function loadConfig<Schema extends z.ZodType>(file: string, schema: Schema, code?: ErrorCode): z.output<Schema> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new LatticeError('CONFIG_UNREADABLE', `${file}: ${messageOf(cause)}.`, { cause });
  }
  return parseConfig(text, schema, file, code);
}

/** The same for a text; `source` is what the messages call it. */
export function parseConfig<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  source: string,
  code: ErrorCode = 'CONFIG_INVALID',
): z.output<Schema> {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new LatticeError(
      code,
      faultText(
        source,
        document.errors.map((error) => error.message),
      ),
    );
  }
  const result = schema.safeParse(document.toJS() ?? {});
  if (result.success) return result.data;
  throw new LatticeError(
    code,
    faultText(
      source,
      result.error.issues.map((issue) => `${issue.path.map(String).join('.') || '(top)'}: ${issue.message}`),
    ),
  );
}

function faultText(source: string, faults: string[]): string {
  return `${source} has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}\n`;
}
