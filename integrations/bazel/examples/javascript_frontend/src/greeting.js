/** What to say. */
export function greeting(name) {
  return `Hello, ${name}!`;
}
