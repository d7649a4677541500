/** Topics that speak of one broker only, and never cross a link. */
export function isPrivate(topic: string): boolean {
  return topic.startsWith('$SYS') && (topic.length === 4 || topic[4] === '/');
}
