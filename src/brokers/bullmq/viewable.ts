/**
 * JSON as PostgreSQL's jsonb takes it: that has no NUL and no half surrogate pairs. Only what people look at is
 * stored so; the record keeps the text as it is.
 */
export function viewable(json: string): string {
  return json.replace(/(?<=(?:^|[^\\])(?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, "\ufffd");
}

export function viewableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}
