"""Write odd_events.json: every phase once or more, and the oddities that real files have.

    python odd_events.py OUT_FILE

Written by hand, so synthetic; each oddity is one seen in a real file.
"""

from __future__ import annotations

import sys
from pathlib import Path

EVENTS = r"""
{"name":"process_name","ph":"M","pid":1,"tid":0,"args":{"name":"server é"}}
{"name":"process_labels","ph":"M","pid":1,"tid":0,"args":{"labels":"alpha,beta"}}
{"name":"thread_name","ph":"M","pid":1,"tid":10,"args":{"name":"main"}}
{"name":"thread_sort_index","ph":"M","pid":1,"tid":10,"args":{"sort_index":-5}}
{"name":"outer","cat":"a,b","ph":"B","pid":1,"tid":10,"ts":1000,"tts":100,"args":{"x":1,"x":2}}
{"name":"inner","cat":"a","ph":"B","pid":1,"tid":10,"ts":1010.5}
{"ph":"E","pid":1,"tid":10,"ts":1020.25,"args":{"result":"ok"}}
{"name":"outer","cat":"a,b","ph":"E","pid":1,"tid":10,"ts":1100,"tts":150,"args":{"y":NaN}}
{"name":"never closed","ph":"B","pid":1,"tid":11,"ts":1200}
{"name":"under it","ph":"X","pid":1,"tid":11,"ts":1210,"dur":5}
{"name":"nobody began it","ph":"E","pid":1,"tid":12,"ts":1220}
{"name":"complete","ph":"X","pid":1,"tid":12,"ts":1712195495519703.772,"dur":0.0005,"tdur":0.1,"args":{"big":123456789012345678901234567890,"f":1.50,"e":1E3}}
{"name":"text times","ph":"X","pid":"Spans","tid":"line 1","ts":"1300.125","dur":"2.5"}
{"name":"no dur","ph":"X","pid":1,"tid":12,"ts":1310}
{"name":"negative dur","ph":"X","pid":1,"tid":12,"ts":1320,"dur":-4}
{"name":"overlaps a","ph":"X","pid":1,"tid":13,"ts":1400,"dur":100}
{"name":"overlaps b","ph":"X","pid":1,"tid":13,"ts":1450,"dur":100}
{"name":"zero","ph":"X","pid":1,"tid":13,"ts":1450,"dur":0}
{"name":"mark","ph":"i","s":"g","pid":1,"tid":10,"ts":1500,"args":{"why":"\ud83d"}}
{"name":"old mark","ph":"I","s":"p","pid":1,"tid":10,"ts":1501}
{"name":"navigation","ph":"R","pid":1,"tid":10,"ts":1502}
{"name":"load","ph":"C","pid":1,"tid":10,"ts":1000,"args":{"cpu":1.5,"io":2}}
{"name":"load","ph":"C","pid":1,"tid":10,"ts":1600,"args":{"cpu":"3.25","io":null}}
{"name":"heap","ph":"C","pid":1,"id":"0x1f","ts":1600,"args":{"":4096}}
{"name":"request","cat":"net","ph":"b","pid":1,"tid":10,"ts":1700,"id":"0x1"}
{"name":"dns","cat":"net","ph":"b","pid":1,"tid":10,"ts":1701,"id":"0x1"}
{"name":"cached","cat":"net","ph":"n","pid":1,"tid":10,"ts":1702,"id":"0x1"}
{"name":"dns","cat":"net","ph":"e","pid":1,"tid":10,"ts":1705,"id":"0x1"}
{"name":"request","cat":"net","ph":"e","pid":1,"tid":11,"ts":1710,"id":"0x1","args":{"bytes":10}}
{"name":"local","cat":"net","ph":"b","pid":1,"tid":10,"ts":1720,"id2":{"local":"0x1"}}
{"name":"local","cat":"net","ph":"e","pid":1,"tid":10,"ts":1725,"id2":{"local":"0x1"}}
{"name":"legacy","cat":"old","ph":"S","pid":1,"tid":10,"ts":1730,"id":7}
{"name":"legacy","cat":"old","ph":"T","pid":1,"tid":10,"ts":1731,"id":7,"args":{"step":"one"}}
{"name":"legacy","cat":"old","ph":"p","pid":1,"tid":10,"ts":1732,"id":7}
{"name":"legacy","cat":"old","ph":"F","pid":1,"tid":10,"ts":1740,"id":7}
{"name":"producer","ph":"X","pid":1,"tid":10,"ts":1800,"dur":10}
{"name":"consumer","ph":"X","pid":1,"tid":11,"ts":1820,"dur":10}
{"name":"arrow","cat":"q","ph":"s","pid":1,"tid":10,"ts":1805,"id":"0xa"}
{"name":"arrow","cat":"q","ph":"t","pid":1,"tid":11,"ts":1822,"id":"0xA"}
{"name":"arrow","cat":"q","ph":"f","bp":"e","pid":1,"tid":11,"ts":1825,"id":"0xa"}
{"name":"dangling","cat":"q","ph":"f","pid":1,"tid":11,"ts":1830,"id":99}
{"name":"second kind out","ph":"X","pid":1,"tid":10,"ts":1850,"dur":5,"bind_id":"0x5","flow_out":true}
{"name":"second kind in","ph":"X","pid":1,"tid":11,"ts":1860,"dur":5,"bind_id":"0x5","flow_in":true}
{"name":"thing","ph":"N","pid":1,"tid":10,"ts":1900,"id":"0x100"}
{"name":"thing","ph":"O","pid":1,"tid":10,"ts":1901,"id":"0x100","args":{"snapshot":{"deep":[[[1]]]}}}
{"name":"thing","ph":"D","pid":1,"tid":10,"ts":1902,"id":"0x100"}
{"name":"global dump","ph":"V","pid":1,"tid":10,"ts":1910,"id":"0x2","args":{"dumps":{"level_of_detail":"light"}}}
{"name":"process dump","ph":"v","pid":1,"tid":10,"ts":1911,"id":"0x2","args":{"dumps":{"process_totals":{"resident_set_bytes":"1f"}}}}
{"name":"Running","ph":"T","pid":1,"tid":10,"ts":1920,"dur":10,"args":{"cpu":2}}
{"name":"S","ph":"T","pid":1,"tid":10,"ts":1930,"dur":10,"args":{"blocked_function":"futex_wait"}}
{"name":"clock_sync","ph":"c","pid":1,"tid":10,"ts":1940,"args":{"sync_id":"abc","issue_ts":1939}}
{"name":"context","ph":"(","pid":1,"tid":10,"ts":1950,"id":"0x3"}
{"name":"context","ph":")","pid":1,"tid":10,"ts":1951,"id":"0x3"}
{"name":"same","ph":"=","pid":1,"tid":10,"ts":1952,"id":"0x3","args":{"linked_id":"0x4"}}
{"name":"sampled","ph":"P","pid":1,"tid":10,"ts":1960,"sf":2}
{"name":"Profile","cat":"disabled-by-default-v8.cpu_profiler","ph":"P","pid":1,"tid":10,"ts":1961,"id":"0x9","args":{"data":{"startTime":1961}}}
{"name":"ProfileChunk","cat":"disabled-by-default-v8.cpu_profiler","ph":"P","pid":1,"tid":14,"ts":1970,"id":"0x9","args":{"data":{"cpuProfile":{"nodes":[{"id":1,"callFrame":{"functionName":"(root)","scriptId":0,"codeType":"other"}},{"id":2,"parent":1,"callFrame":{"functionName":"work","scriptId":5,"url":"app.js","lineNumber":3,"columnNumber":1,"codeType":"JS"}}],"samples":[1,2,2]},"timeDeltas":[1,10,-2]}}}
{"name":"no phase","pid":1,"tid":10,"ts":1980}
{"name":"long phase","ph":"Xtra","pid":1,"tid":10,"ts":1981,"dur":1}
{"name":"no ts","ph":"X","pid":1,"tid":10,"dur":1}
{"name":"","ph":"X","pid":0,"tid":0,"ts":1990,"dur":1,"args":"__stripped__"}
{"ph":"X","ts":1991,"dur":1,"args":null}
{"name":"exponent","ph":"X","pid":-1,"tid":-1,"ts":2.0e3,"dur":1e-3,"unread":{"kept":true},"cname":"good"}
{}
"""


def main() -> None:
    events = EVENTS.strip().split("\n")
    text = ",\n".join(events)
    head = '{"otherData":{"synthetic":"odd_events.py","version":"1"},"displayTimeUnit":"ns",\n'
    tail = '\n],\n"stackFrames":{"1":{"name":"main","category":"app"},"2":{"name":"work","parent":1}}}\n'
    Path(sys.argv[1]).write_text(f'{head}"traceEvents":[\n{text}{tail}', encoding="utf-8")


if __name__ == "__main__":
    main()
