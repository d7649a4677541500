import { type Command, InvalidArgumentError, Option } from 'commander';

/* What the commands of lattice.ts have in common. Loads nothing but commander, so that every command starts fast. */

/** A parser of whole numbers. */
export const whole =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };

export const factor =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };

export const dataOption = (): Option => new Option('--data <dir>', 'data folder of the mesh').default('.lattice');
export const jsonOption = (): Option => new Option('--json', 'machine-readable output').default(false);
export const configOption = (): Option => new Option('--config <file>', 'YAML configuration').makeOptionMandatory();

/** Makes an action of a function that resolves with an exit code. */
// biome-ignore lint/suspicious/noExplicitAny: commander hands over options and arguments untyped; each is checked by its parser.
export function run(command: (options: any, ...args: any[]) => Promise<number>) {
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  return async (...args: any[]): Promise<void> => {
    const [positional, options] = [args.slice(0, -2), args.at(-2)];
    process.exitCode = await command(options, ...positional);
  };
}

/** Faults of the command line are thrown, by the sub-commands too. */
export function overrideExits(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) overrideExits(each);
}
