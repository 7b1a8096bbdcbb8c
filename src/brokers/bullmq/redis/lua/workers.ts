/** ARGV: worker id, lease length, entry. The entry is kept with the end of its lease by the server's clock. */
export const beat = `
r('HSET', own .. 'workers', ARGV[1], string.format('%.0f', serverMs() + ARGV[2]) .. ' ' .. ARGV[3])
`;

/** ARGV: worker id. */
export const leave = `
r('HDEL', own .. 'workers', ARGV[1])
`;

/** Returns the server's time and all entries. */
export const workers = `
return { string.format('%.0f', serverMs()), r('HVALS', own .. 'workers') }
`;

export const serverTime = `
return string.format('%.0f', serverMs())
`;
