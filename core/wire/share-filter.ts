const SHARE_FILTER = /^\$share\/([^/+#]+)\/(.+)$/s;

/** Takes `$share/{group}/{filter}` apart, as MQTT 5 has it in 4.8.2; undefined for any other filter. */
export function parseShareFilter(text: string): { group: string; filter: string } | undefined {
  const match = SHARE_FILTER.exec(text);
  return match === null ? undefined : { group: match[1] as string, filter: match[2] as string };
}
