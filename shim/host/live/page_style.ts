/**
 * How the live page looks.
 *
 * @module
 */

/** CSS; follows the system's choice of light or dark. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1c1c1c; --soft: #5c5c5c; --line: #d5d5d5;
  --panel: #f5f5f3; --good: #0b6b2e; --bad: #b3261e; --busy: #8a5300; --link: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --back: #17181a; --text: #ececec; --soft: #a8a8a8; --line: #3a3c40; --panel: #212327;
    --good: #6fd391; --bad: #ff9b93; --busy: #f2bd6b; --link: #9ec2ff }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 } h1 small { color: var(--soft); font-weight: normal }
h2 { font-size: 1rem; margin: 1.5rem 0 .4rem }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline }
#status { margin: 0; font-weight: 600 }
#status[data-phase=serving] { color: var(--good) } #status[data-phase=failed] { color: var(--bad) }
#status[data-phase=building], #status[data-phase=loading], #status[data-phase=connecting] {
  color: var(--busy) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere }
th { color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--back);
  overflow-wrap: normal }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.bad { color: var(--bad); font-weight: 600 } td.time { white-space: nowrap }
a { color: var(--link) }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0 0 .6rem }
dt { color: var(--soft); font-size: .85em } dd { margin: 0; font-variant-numeric: tabular-nums }
.scroll { max-height: 24rem; overflow: auto; border: 1px solid var(--line); border-radius: 4px }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
form { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1.5rem; align-items: end }
input, button { font: inherit; padding: .25rem .5rem }
ol { list-style: none; margin: 0; padding: .4rem .6rem; background: var(--panel) }
ol, pre { font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
pre { background: var(--panel); border-left: 4px solid var(--bad); margin: 0; padding: .8rem;
  max-height: 24rem; overflow: auto }
li span { color: var(--soft); margin-right: .6em } li .stderr { color: var(--busy) }
.skip { position: absolute; left: -999rem } .skip:focus { position: static }
[hidden] { display: none !important }
`;
