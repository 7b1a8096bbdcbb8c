/** What a job of each kind does, in every queue the same. */
export async function perform(kind, payload, attempt) {
  switch (kind) {
    case "noop":
      return 1;
    case "size":
      return payload.length;
    case "flaky":
      if (attempt < 3) throw new Error(`attempt ${attempt} fails`);
      return 1;
    default:
      throw new Error(`there is no job ${kind}`);
  }
}
