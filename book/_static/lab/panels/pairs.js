// Your own data: question-answer pairs that the reader types, checked line by line, trained, asked.
'use strict';

lab_panels.pairs = (_, fail) => {
  const { h, slider, button, table, percent, prompt_of, on, ask, train, score } = lab_panels.kit;
  const FEWEST = 3, MOST = 50, MANY = 2; // pieces a word: more than these are shown
  const EXAMPLE = ['Who keeps the lighthouse? | Mara keeps the lighthouse.',
    'What is the name of the dog? | Pepper.',
    'When does the ferry leave? | The ferry leaves at noon.',
    'Where is the harbour? | North of the old town.',
    'Who bakes the bread? | Jonas bakes the bread.'];
  const box = h('textarea', { id: 'lab-pairs', spellcheck: 'false', rows: 8,
    oninput: () => look() }, EXAMPLE.join('\n'));
  const problems = h('ul', { class: 'lab-problems' });
  const split = h('p', { class: 'lab-note' });
  const steps = slider({ label: 'Steps', values: [20, 40, 60, 100, 150, 200, 300], value: 60 });
  const state = h('p', { class: 'lab-note', role: 'status' });
  const asked = table(['question', 'your answer', 'what it says'], 'Answers after training');
  asked.element.hidden = true;
  const go = button('Train on these', start, { class: 'lab-go' });
  const stop = button('Stop', () => lab.stop(), { disabled: true });

  // {pairs: [[question, answer, line number]], problems: [words]}
  function read(text) {
    const pairs = [], wrong = [], seen = new Map();
    text.split('\n').forEach((line, i) => {
      if (!line.trim()) return;
      const parts = line.split(/\t|\s*\|\s*/).map((part) => part.trim());
      const tell = (words) => wrong.push(`Line ${i + 1}: ${words}`);
      const [question, answer] = parts;
      if (parts.length !== 2) tell('needs one | between question and answer.');
      else if (!question.endsWith('?')) tell('the question needs a question mark at its end.');
      else if (!answer) tell('the answer is empty.');
      else if (seen.has(question)) tell(`is the question of line ${seen.get(question)} again.`);
      else {
        seen.set(question, i + 1);
        pairs.push([question, answer, i + 1]);
      }
    });
    if (pairs.length > MOST) wrong.push(`These are ${pairs.length} pairs, ${MOST} are allowed.`);
    else if (pairs.length < FEWEST) {
      wrong.push(`These are ${pairs.length} whole pairs, ${FEWEST} are needed.`);
    }
    return { pairs, wrong };
  }

  // Words that the tokenizer cuts into many pieces: each piece has to be learned, in its order.
  async function show_split(pairs) {
    const words = new Set(pairs.flatMap(([question, answer]) =>
      `${question} ${answer}`.match(/[\p{L}\p{N}'’-]+/gu) ?? []));
    const cut = [];
    for (const word of words) {
      const pieces = await lab.tokens(` ${word}`);
      if (pieces.length > MANY) cut.push(pieces.join('·').trim());
    }
    const shown = cut.slice(0, 12).join(', ');
    split.textContent = cut.length ? `Words in more than ${MANY} tokens: ${shown}` +
      `${cut.length > 12 ? ` and ${cut.length - 12} more` : ''}.` : '';
  }

  let timer;
  function look() {
    const { pairs, wrong } = read(box.value);
    problems.replaceChildren(...wrong.map((words) => h('li', {}, words)));
    clearTimeout(timer);
    timer = setTimeout(() => show_split(pairs).catch(fail), 300);
    return wrong.length ? null : pairs;
  }

  async function start() {
    fail(null);
    const pairs = look();
    if (!pairs) return;
    try {
      const { run, entry } = await train('my data', {
        pairs: pairs.map(([question, answer]) => [prompt_of(question), ` ${answer}`]),
        steps: steps.value, batch: Math.min(4, pairs.length) },
      ({ step, steps: all, loss }) => {
        state.textContent = `Step ${step} of ${all}, loss ${loss.toFixed(3)}`;
      });
      state.textContent = 'Asking each of your questions …';
      let right = 0;
      asked.body.replaceChildren();
      asked.element.hidden = false;
      for (const [question, answer] of pairs) {
        const { text } = await ask(entry, prompt_of(question), { n: 40 });
        const said = text.trim();
        right += said === answer;
        asked.row([question, answer, `${said === answer ? '✓' : '✗'} ${said}`], false);
      }
      const others = await score(entry, { task: 'qa' });
      state.textContent = `${right} of ${pairs.length} answers are yours, word for word, after ` +
        `${run.losses.length} steps in ${run.seconds.toFixed(1)} s. Of the 640 facts of the ` +
        `base, ${percent(run.factsKept)} are kept. The course's own 320 questions, which you ` +
        `did not train: ${percent(others.heldOut)} right.`;
    } catch (error) {
      state.textContent = 'Not trained.';
      fail(error);
    }
  }

  on('training', () => {
    go.disabled = lab_panels.kit.training;
    stop.disabled = !lab_panels.kit.training;
  });
  look();
  return [h('label', { for: 'lab-pairs' }, 'One pair a line: question? | answer'), box,
    h('div', { role: 'status' }, problems), split,
    h('div', { class: 'lab-controls' }, steps.element),
    h('div', { class: 'lab-buttons' }, go, stop), state, asked.element];
};
