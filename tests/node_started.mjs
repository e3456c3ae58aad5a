// Says which test begins, at once: node's own reporters name a test when it has ended, and one that hangs does not.
import { resolve } from 'node:path';

// As node's TAP reporter spells a name.
const spelled = (name) => name.replace(/\\/g, '\\\\').replace(/#/g, '\\#')
  .replace(/\n/g, '\\n').replace(/\t/g, '\\t').replace(/\r/g, '\\r').replace(/\f/g, '\\f').replace(/\x08/g, '\\b')
  .replace(/\v/g, '\\v');

export default async function* started(events) {
  for await (const { type, data } of events) {
    // A file is a test, too, and the runner says nothing of its end.
    if (type === 'test:dequeue' && resolve(data.name) !== data.file) yield `# Started: ${spelled(data.name)}\n`;
  }
}
