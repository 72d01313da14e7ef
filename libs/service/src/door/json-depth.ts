/**
 * Whether a JSON text is nested deeper than `depth`, checked before parsing. For invalid JSON the result is arbitrary.
 */
export function isDeeperThan(depth: number, text: string): boolean {
  let open = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (inString && character === '\\') at += 1;
    else if (character === '"') inString = !inString;
    else if (!inString && '{['.includes(character)) open += 1;
    else if (!inString && '}]'.includes(character)) open -= 1;
    if (open > depth) return true;
  }
  return false;
}
