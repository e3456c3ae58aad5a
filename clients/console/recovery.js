// What the server kept while this page was away, in words. No DOM here.

const channels = { group: "group", client: "this client", broadcast: "everyone" };

/** How far the page has come on each channel. @param {any} positions the client's */
export function positionsText(positions) {
  const known = Object.entries(channels).filter(([name]) => positions?.[name]);
  return known.length ? `Kept messages seen: ${known.map(([name, word]) => `${word} ${positions[name]}`).join(" · ")}` : "";
}

/** What came of a return. @param {any} recovered the event's value @returns {{ lost: boolean, text: string }} */
export function recoveredText(recovered) {
  const found = Object.entries(channels).filter(([name]) => recovered[name]);
  const say = ([name, word]) => {
    const { status, count, reason } = recovered[name];
    return status === "lost" ? `${word} lost${reason ? ` (${reason})` : ""}` : `${word} ${count} recovered`;
  };
  const lost = found.some(([name]) => recovered[name].status === "lost");
  const missed = lost || found.some(([name]) => recovered[name].count > 0);
  return { lost, text: missed ? `Missed: ${found.map(say).join(", ")}` : "Nothing was missed" };
}

/** What a gap may have cost. @param {{ types?: string[] }} gap */
export const gapText = ({ types }) =>
  types ? `May have been missed: ${types.join(", ") || "nothing"}` : "Messages may have been missed";
