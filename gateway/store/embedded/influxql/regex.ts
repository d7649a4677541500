/**
 * Compiles a regular expression of Go (RE2 syntax). Go sets flags for the rest of a group, `a(?i)b`, where JavaScript has
 * them around a group, `a(?i:b)`. Throws SyntaxError.
 */
export function compileGoRegex(source: string): RegExp {
  const translated = translateFlags(source);
  try {
    return new RegExp(translated, 'u');
  } catch {
    // Go takes needless escapes such as `\-`, which the unicode mode refuses.
    return new RegExp(translated);
  }
}

const FLAGS = /^\(\?([ims]+)\)/;

function translateFlags(source: string): string {
  let text = '';
  /** How many groups of flags are open in each open group. */
  const open = [0];
  let isInClass = false;
  for (let at = 0; at < source.length; at++) {
    const char = source[at] as string;
    const flags = isInClass || char !== '(' ? null : FLAGS.exec(source.slice(at));
    if (char === '\\') text += char + (source[++at] ?? '');
    else if (flags !== null) {
      text += `(?${flags[1]}:`;
      open.push((open.pop() ?? 0) + 1);
      at += flags[0].length - 1;
    } else {
      if (isInClass) isInClass = char !== ']';
      else if (char === '[') isInClass = true;
      else if (char === '(') open.push(0);
      else if (char === ')') text += ')'.repeat(open.pop() ?? 0);
      text += char;
    }
  }
  return text + ')'.repeat(open.reduce((sum, count) => sum + count, 0));
}
