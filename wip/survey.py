import ast,sys,collections
from pathlib import Path
R=Path(sys.argv[1] if len(sys.argv)>1 else '/work/main'); P=R/'drift'
cls=collections.defaultdict(list); edges=collections.defaultdict(set); mods={}
for f in sorted(P.rglob('*.py')):
    m='.'.join(f.relative_to(R).with_suffix('').parts)
    m=m.removesuffix('.__init__'); mods[m]=f
for m,f in mods.items():
    t=ast.parse(f.read_text())
    for n in ast.walk(t):
        if isinstance(n,ast.ClassDef): cls[n.name].append(str(f.relative_to(P)))
    tc=set()
    for n in ast.walk(t):
        if isinstance(n,ast.If) and 'TYPE_CHECKING' in ast.dump(n.test):
            for x in ast.walk(n): tc.add(id(x))
    for n in ast.walk(t):
        names=[]
        if isinstance(n,ast.Import): names=[a.name for a in n.names]
        elif isinstance(n,ast.ImportFrom) and n.module:
            names=[f'{n.module}.{a.name}' if f'{n.module}.{a.name}' in mods else n.module for a in n.names]
        for x in names:
            if x.startswith('drift') and x in mods and x!=m: edges[m].add((x,id(n) in tc))
print("DUP CLASSES"); 
for k,v in sorted(cls.items()):
    if len(v)>1: print(' ',k,v)
print("FOLDERS")
for d,c in sorted(collections.Counter(f.parent.relative_to(P).as_posix() for f in mods.values()).items()): print(' ',c,d)
# cycles (all edges)
sys.setrecursionlimit(10000)
def scc(edges):
    idx={};low={};st=[];on=set();out=[];c=[0]
    def go(v):
        idx[v]=low[v]=c[0];c[0]+=1;st.append(v);on.add(v)
        for w in edges.get(v,()):
            if w not in idx: go(w);low[v]=min(low[v],low[w])
            elif w in on: low[v]=min(low[v],idx[w])
        if low[v]==idx[v]:
            comp=[]
            while True:
                w=st.pop();on.discard(w);comp.append(w)
                if w==v:break
            if len(comp)>1: out.append(comp)
    for v in list(mods):
        if v not in idx: go(v)
    return out
print("CYCLES module incl TYPE_CHECKING"); 
for c in scc({m:{x for x,_ in e} for m,e in edges.items()}): print('  ',c)
def pkg(m):
    f=mods[m]; d=f.parent.relative_to(P).as_posix()
    return d if d!='.' else m
pe=collections.defaultdict(set)
for m,e in edges.items():
    for x,_ in e:
        if pkg(m)!=pkg(x): pe[pkg(m)].add(pkg(x))
sub={k:v for k,v in pe.items()}
print("PKG EDGES",sum(len(v) for v in sub.values()))
for k,v in sorted(sub.items()): print('  ',k,'->',', '.join(sorted(v)))
