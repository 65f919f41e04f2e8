// Recorded with: node --trace-event-categories v8,node,node.async_hooks,disabled-by-default-v8.cpu_profiler record.js
const fs = require('fs');
const { performance } = require('perf_hooks');
const { Worker, isMainThread } = require('worker_threads');

function burn(n) {
  const parts = [];
  for (let i = 0; i < n; i++) parts.push({ i, text: String(i).repeat(20) });
  return parts.sort((a, b) => b.i - a.i).length;
}

async function main() {
  performance.mark('start');
  for (let i = 0; i < 3; i++) {
    burn(20000);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await fs.promises.readFile(__filename);
  }
  performance.mark('end');
  performance.measure('the loop', 'start', 'end');
  if (isMainThread) await new Promise((resolve) => new Worker(__filename).on('exit', resolve));
}

main();
