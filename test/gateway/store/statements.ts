/** Points that bring out the corners of InfluxQL: two measurements, missing fields and tags, ties in time, all types. */
export const ORACLE_LINES = `m,host=a,r=x v=1,w=10i,s="p",b=true 1000000000
m,host=b,r=x v=2,w=20i 1000000000
m,host=a,r=y v=3 2000000000
m,host=a,r=x v=4,w=7i 62000000000
m,host=b,r=x v=5,s="q" 65000000000
m,host=b,r=x w=3i 190000000000
n,host=a z=1,v=7 3000000000
n z=2.5 4000000000
c,room=k count=1i 10000000000
c,room=k count=5i 20000000000
c,room=k count=3i 30000000000
c,room=k count=9i 30000000000
c,room=k count=20i 95000000000
c,room=l count=9007199254740993i 97000000000
c,room=l count=-9223372036854775807i 98000000000
r,d=1 x=0.5 1774746000000000000
r,d=1 x=1.5 1774749600000000000
r,d=1 x=2.5 1774753200000000000
r,d=1 x=3.5 1774839600000000000
odd\\ name,t\\ ag=va\\,lue field\\ one="with \\"quotes\\" and \\\\",f2=-1.5e-3 7000000000
odd\\ two,k=ü é=2 7000000001`;

/** Statements that influxd 1.6.7 and the embedded store answer alike. */
export const STATEMENTS = `
select * from m
select v from m order by time desc
select host from m
select v,host from m
select v+w from m
select v+w, v from m
select v*2, -v, v % 2 from m
select w/4 from m
select w*w, w-3, w+1.5, w/0 from m
select w & 6, w | 1, w ^ 3 from m
select (v + 1) * 2 from m
select * from m group by host
select * from m group by *
select v from m limit 2
select v from m group by host slimit 1
select v from m group by host slimit 1 soffset 1
select mean(v) from m where time > 1s
select mean(v) from m where time >= 1s and time < 200s group by time(1m)
select mean(v), count(w) from m where time >= 1s and time < 200s group by time(1m)
select mean(v) from m where time < 200s group by time(1m)
select mean(v) from m where time >= 1s and time < 200s group by time(1m), host fill(0)
select mean(v) from m where time >= 1s and time < 200s group by time(1m), host fill(previous)
select mean(v) from m where time >= 1s and time < 200s group by time(1m), host fill(linear)
select mean(v) from m where time >= 1s and time < 200s group by time(1m), host fill(none)
select mean(w) from m where time >= 1s and time < 200s group by time(30s) fill(linear)
select max(w) from m where time >= 1s and time < 200s group by time(30s) fill(linear)
select mean(v) from m where time >= 1s and time < 200s group by time(1m) order by time desc
select mean(v) from m where time >= 1s and time < 200s group by time(1m) fill(previous) order by time desc
select sum(w)/count(v) from m where time >= 1s and time < 200s group by time(1m)
select mean(v)/mean(w) from m
select max(v), host, w from m
select max(v), min(v) from m
select max(v), host from m where time < 200s group by time(1m)
select first(*) from m
select last(*) from m
select mean(*) from m
select count(*) from m
select min(*) from m
select last(v) from m group by host
select first(v) from m group by host
select last(v), last(w) from m group by host
select last(v) from m where v < 4 group by *
select percentile(v, 50) from m
select percentile(v, 95), host from m
select percentile(v, 1) from m
select percentile(w, 99.5) from m group by host
select percentile(v, 50) from m where time >= 0s and time < 4m group by time(1m)
select median(v), mode(v), spread(w), stddev(v) from m
select median(w) from m
select distinct(v) from m
select distinct(s) from m
select distinct v from m
select count(distinct(v)) from m
select count(distinct(host)) from m
select derivative(v) from m
select derivative(v, 10s) from m where host = 'a'
select derivative(mean(v), 10s) from m where time >= 0s and time < 200s group by time(1m)
select derivative(mean(v), 10s) from m where time >= 60s and time < 200s group by time(1m)
select non_negative_derivative(max(count), 1m) from c where time >= 0s and time < 100s group by time(10s), room
select difference(v) from m group by host
select difference(count) from c
select difference(max(count)) from c where time >= 0s and time < 100s group by time(30s) fill(previous)
select non_negative_difference(count) from c where room = 'k'
select moving_average(v,2) from m
select moving_average(mean(v),2) from m where time >= 60s and time < 200s group by time(30s) fill(0)
select cumulative_sum(v) from m
select cumulative_sum(count) from c where room = 'k'
select cumulative_sum(sum(w)) from m where time >= 0s and time < 4m group by time(1m)
select elapsed(v) from m
select elapsed(v,1s) from m
select elapsed(s,1s) from m
select integral(v) from m
select integral(v, 1m) from m where host = 'a'
select top(v,host,2), w from m
select v from m where host =~ /((?i)A|x)/
select top(v,2) from m
select bottom(v,2),host from m
select top(v,1) from m where time <200s group by time(1m)
select top(v,host,2) from m
select v from m where host = 'a' or v > 4
select v from m where host != 'a'
select v from m where host <> 'a'
select v from m where nope = 'x'
select v from m where nope != 'x'
select v from m where nope = ''
select z from n where host = ''
select v from m where w > 5
select v from m where w >= 10 and w <= 10
select v from m where v > 1.5 and (host = 'b' or r = 'y')
select v from m where s = 'p'
select v from m where s != 'p'
select v from m where b = true
select v from m where s =~ /p/
select v from m where host =~ /a|b/ and r !~ /y/
select v from m where host =~ /^(?i)A$/
select v from m where host =~ /(?i)A/
select v from m where time > 1s or host = 'a'
select v from m where v + w > 12
select v from m where v = w
select v from /m|n/
select mean(v) from /m|n/ group by host
select mean(z) from n group by host
select * from m, n
select mean(v), v from m
select v from m group by time(1m)
select mean(s) from m
select max(s) from m
select mean(nope) from m
select nope from m
select nope, v from m
select mean(v) as x, max(v) as x from m
select v as time from m
select mean(v), mean(v) from m
select mean(v) + max(w) from m
select mean(v) + 1 from m
select time, v from m
select count(v) from m where time > 100000s
select mean(v) from m where time > 1s and time < 200s group by time(1m) limit 2
select mean(v) from m where v > 100
select v from m where time = '1970-01-01T00:00:01Z'
select v from m where time = '1970-01-01'
select v from m where time >= '1970-01-01 00:00:02' and time < 100s
select v from m where time >= '1970-01-01T01:00:02+01:00' and time < 100s
select v from m where time > now() - 1h
select v from m where time >= 1000ms and time <= 2000000000
select v from m where 2s <= time
select mean(v) from m group by r
select mean(v) from m group by nope
select mean(v) from m group by /h.*/
select mean(v) from m where time >= 0s and time < 3m group by time(1m, 30s)
select mean(v) from m where time >= 0s and time < 3m group by time(1m, -15s)
select mean(v) from m where time >= 0s and time < 3m group by time(1m) tz('Europe/Berlin')
select mean(x) from r where time >= 1774700000s and time < 1774900000s group by time(1d) tz('Europe/Berlin')
select x from r tz('America/New_York')
select count(v) from m where time >= 0s and time < 4m group by time(1m) fill(none)
select * from m where host='a' limit 1 offset 1
select sum(w) from m where time >= 0s and time < 4m group by time(1m)
select sum(count), min(count), max(count), spread(count) from c where room = 'k'
select sum(count) from c where room = 'l'
select count from c
select mean(v) from m where time > 2s and time < 1s
select histogram(v) from m
select max(b) from m
select first(b), last(s) from m
select sum(b) from m
select sum(*) from m
select max(*), mean(v) from m
select mean(/v|w/) from m
select /v|w/ from m
select v::float, host::tag from m
select *::field from m
select *::tag from m
select last(v), w from m
select 1 from m
select v from e..m limit 1
select v from "e"."autogen"."m" limit 1
select v from autogen.m limit 1
select v from e.nope.m
select v from nope..m
select mean(v) from m where time >= 1s and time < 200s group by time(1m) limit 2 offset 1
select non_negative_derivative(v) from m
select v from m where v = 1 and time = 1s
select v from m where 'a' = host
select mean("v") FROM "m" WHERE time >= 0ms and time <= 200000ms GROUP BY time(1m) fill(null) ORDER BY time DESC LIMIT 1
SELECT mean("v") AS "Mean V" FROM "m" WHERE ("host" =~ /^(a|b)$/) AND time >= 0ms and time <= 200000ms GROUP BY time(1m), "host"::tag fill(null)
select spread(v) from m where time >= 0s and time < 4m group by time(1m)
select stddev(w) from m where time >= 0s and time < 4m group by time(1m)
select "field one", f2 from /odd/
select * from "odd two"
select * from /odd/
select v from m -- a comment
select first(v) from m where time >= 0s and time < 4m group by time(1m) fill(none)
select last(v) from m where time >= 0s and time < 4m group by time(1m), host
select min(v), max(v), mean(v) from m where time >= 0s and time < 4m group by time(2m), host fill(none)
select mean(v) from m group by *
select mean(v) * 2 + count(v) from m
select max(v) * 2 from m
select 2 * v from m
select v from m limit 10 offset 3
select v frm m
select
select v from m where
select v from m limit x
selec
show databases
show measurements
show measurements limit 1
show measurements limit 1 offset 1
show measurements with measurement = m
show measurements with measurement =~ /m|n/
SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)M/ LIMIT 100
show measurements where host = 'b'
show tag keys
show tag keys from m
show tag keys from m where host = 'a'
show tag keys from nope
show tag values with key = host
show tag values from m with key = "host"
show tag values from m with key in ("host", "r")
show tag values with key =~ /h.*/
show tag values with key != "host"
show tag values from m with key = "host" where r = 'y'
show tag values from m with key = "host" limit 1
show tag values with key = nope
show field keys
show field keys from m
show field keys from nope
show series
show series from m
show series from m where host = 'a'
show series limit 2 offset 1
show retention policies
show retention policies on "e"
show retention policies on nope
select v from m; select w from m limit 1
select v from m;
`
  .trim()
  .split('\n');
