import ast, re, subprocess, sys
from pathlib import Path
sys.path.insert(0,'/tmp/mod')
from mapping import M
R=Path(sys.argv[1]); DRY='--dry' in sys.argv
def modpath(m):
    p=R/Path(*m.split('.'))
    return p if p.is_dir() else p.with_suffix('.py')
existing={m:modpath(m) for m in M}
miss=[m for m,p in existing.items() if not p.exists()]
print('missing (skipped moves):',miss)
allmods=set()
for f in (R/'drift').rglob('*.py'):
    allmods.add('.'.join(f.relative_to(R).with_suffix('').parts).removesuffix('.__init__'))
exported={}
for m in allmods:
    f=R/Path(*m.split('.'))/'__init__.py'
    if f.exists(): exported[m]={a.asname or a.name for n in ast.walk(ast.parse(f.read_text())) if isinstance(n,ast.ImportFrom) for a in n.names}
def new(m):
    """new name of a dotted name (module or below)"""
    parts=m.split('.')
    for k in range(len(parts),0,-1):
        h='.'.join(parts[:k])
        if h in M: return '.'.join([M[h],*parts[k:]])
    return m
two=[m for m in M if m.count('.')==1]
pat=re.compile(r'(?<![\w.])('+'|'.join(sorted(map(re.escape,[m for m in M if m not in two]),key=len,reverse=True))+r')(?!\w)')
pat2=re.compile(r'(?:(?<=from )|(?<=import )|(?<=["\'`])|(?<=-m ))('+'|'.join(sorted(map(re.escape,two),key=len,reverse=True))+r')(?!\w)')
pp=sorted(M,key=len,reverse=True)
paths={m.replace('.','/')[len('drift/'):]:M[m].replace('.','/')[len('drift/'):] for m in pp}
pathpat=re.compile(r'(?<![\w/.])(drift/)?('+'|'.join(re.escape(k) for k in sorted(paths,key=len,reverse=True))+r')(?=\.py\b|/(?=[\w`"\' ]|$))')
files=[f for f in subprocess.run(['git','-C',str(R),'ls-files'],capture_output=True,text=True).stdout.split() if f.endswith(('.py','.md','.toml','.j2','.yaml','.html','Makefile','.cfg','MLproject','.ci/run'))]
warn=[]
for name in files:
    f=R/name
    if not f.exists(): continue
    t=f.read_text()
    o=t
    if name.endswith('.py'):
        tree=ast.parse(t); lines=t.splitlines(keepends=True)
        edits=[]; renames={}
        offs=[0]
        for l in lines: offs.append(offs[-1]+len(l.encode()))
        for n in ast.walk(tree):
            if isinstance(n,ast.ImportFrom) and n.level==0 and n.module and n.module.split('.')[0]=='drift':
                keep=[];out=[]
                for a in n.names:
                    full=f'{n.module}.{a.name}'
                    if full in allmods and new(full)!=full and a.name not in exported.get(n.module,()):
                        q=new(full); pk,_,b=q.rpartition('.')
                        asn=a.asname
                        if asn is None and b!=a.name: renames[a.name]=b
                        if asn==a.name and b!=a.name: asn=b if False else asn
                        out.append(f'from drift{pk[5:]} import {b}'+(f' as {asn}' if asn else ''))
                    else: keep.append(a)
                if out:
                    if keep: out.append(f'from drift{new(n.module)[5:]} import '+', '.join(a.name+(f' as {a.asname}' if a.asname else '') for a in keep))
                    ind=' '*n.col_offset
                    s=offs[n.lineno-1]+n.col_offset; e=offs[n.end_lineno-1]+n.end_col_offset
                    edits.append((s,e,('\n'+ind).join(out)))
        if renames:
            for n in ast.walk(tree):
                if isinstance(n,ast.Name) and n.id in renames:
                    s=offs[n.lineno-1]+n.col_offset
                    edits.append((s,s+len(n.id.encode()),renames[n.id]))
            bound={n.id for n in ast.walk(tree) if isinstance(n,ast.Name) and isinstance(n.ctx,ast.Store)}|{a.arg for n in ast.walk(tree) if isinstance(n,(ast.FunctionDef,ast.Lambda)) for a in n.args.args+n.args.kwonlyargs}
            for k,v in renames.items():
                if k in bound or v in bound: warn.append((name,k,v))
        b=t.encode()
        for s,e,x in sorted(edits,reverse=True): b=b[:s]+x.encode()+b[e:]
        t=b.decode()
    t=pat.sub(lambda m:new(m[1]),t)
    t=pat2.sub(lambda m:new(m[1]),t)
    t=t.replace('from drift','from drift')
    t=pathpat.sub(lambda m:(m[1] or '')+paths[m[2]],t) if not name.startswith('CHANGELOG') else t
    if t!=o and not DRY: f.write_text(t)
print('local name clashes to look at:',warn)
if not DRY:
    # two steps through temporary names, deepest first
    moves=[(existing[m],m) for m in sorted(M,key=lambda m:-m.count('.')) if existing[m].exists()]
    tmp=[]
    for i,(p,m) in enumerate(moves):
        q=R/f'.mv{i}{p.suffix}'; subprocess.run(['git','-C',str(R),'mv','-k',str(p),str(q)],check=True)
        if p.exists() and not q.exists(): subprocess.run(['mv',str(p),str(q)],check=True)
        tmp.append((q,m))
    for q,m in sorted(tmp,key=lambda x:M[x[1]].count('.')):
        d=R/Path(*M[m].split('.')); d=d if q.is_dir() else d.with_suffix('.py')
        d.parent.mkdir(parents=True,exist_ok=True)
        if q.is_dir() and d.exists():
            for c in list(q.iterdir()): subprocess.run(['git','-C',str(R),'mv','-k',str(c),str(d/c.name)])
        else: subprocess.run(['git','-C',str(R),'mv',str(q),str(d)],check=True)
    subprocess.run(f'find {R}/drift -name __pycache__ -prune -exec rm -rf {{}} +; find {R}/drift -type d -empty -delete',shell=True)
    for m in sorted(set(M.values())):
        parts=m.split('.')
        for k in range(2,len(parts)):
            p=R/Path(*parts[:k])
            if p.is_dir() and not (p/'__init__.py').exists(): (p/'__init__.py').write_text('"""TODO."""\n'); print('init',p)
