"""The style sheet of a report."""

from __future__ import annotations

STYLE = """
:root{--back:#14171b;--card:#1d2127;--ink:#e4e7eb;--dim:#9aa3ad;--line:#343b44;
--s0:#5aa9ff;--s1:#ffb454;--s2:#6fd58a;--s3:#ff7b89;--s4:#c59bff;--s5:#5fd7d7;--s6:#e0d36a;--s7:#b0b7c0}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 24px 60px}h1{font-size:26px;margin:0 0 4px}
h2{font-size:19px;margin:34px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{font-size:15px;margin:20px 0 6px}
p{margin:4px 0;color:var(--dim)}.use{max-width:80ch}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin-top:14px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:170px}
.tile span,.tile small{display:block;color:var(--dim)}.tile b{font-size:28px;font-weight:600}
table{border-collapse:collapse;font-size:13px;margin:8px 0;font-variant-numeric:tabular-nums;max-width:100%}
th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
.facts td{overflow-wrap:anywhere;white-space:normal}.scroll{overflow-x:auto}
th{color:var(--dim);font-weight:500}
.confusion td,.confusion th{padding:7px 16px;text-align:center;border:1px solid var(--line)}
.cell{background:color-mix(in srgb,var(--s0) calc(var(--share)*70%),transparent)}
.plots{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}
figure{margin:8px 0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px;width:362px;
break-inside:avoid}
figure.wide{width:560px}figcaption{font-weight:600;margin-bottom:4px}svg{display:block;width:100%;height:auto}
.grid{stroke:var(--line);stroke-width:1}.tick{fill:var(--dim);font-size:11px}.title{fill:var(--ink);font-size:12px}
.chance{fill:none;stroke:var(--dim);stroke-width:1;stroke-dasharray:3 4}
.line{fill:none;stroke:var(--c);stroke-width:2}.dashed{stroke-dasharray:6 4}.dot{fill:var(--c)}
.band{fill:var(--c);opacity:.18;stroke:none}
.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}
.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}
.legend{list-style:none;margin:6px 0 0;padding:0;font-size:13px;color:var(--dim)}
.legend li::before{content:"";display:inline-block;width:18px;border-top:3px solid var(--c);margin-right:7px;
vertical-align:middle}.legend .dashed::before{border-top-style:dashed}
.gallery{display:flex;flex-wrap:wrap;gap:12px}.picture{width:340px}
.picture img{width:100%;display:block;border-radius:4px}
.picture figcaption{font-weight:400;font-size:13px;color:var(--dim);margin:6px 0 0}
@media print{:root{--back:#fff;--card:#fff;--ink:#111;--dim:#555;--line:#ccc;--s0:#1560bd;--s1:#b86a00;--s2:#1d7f3b;
--s3:#b3202f;--s4:#6b3fa0;--s5:#0b7a7a;--s6:#7d7000;--s7:#666}body{font-size:11pt}main{padding:0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
