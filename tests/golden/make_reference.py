#!/usr/bin/python3
"""Makes the golden folders of architectures that the published V3 code does not cover: DeepSeek-V2's routers and attention without
q_lora_rank, and the dense llama, qwen2 and qwen3. A plain float64 model in PyTorch (Debian's python3-torch), written from the papers and from
golden/README.md item 7, run on random checkpoints of `fathom init`. usage: make_reference.py build/fathom OUTPUT_DIRECTORY
"""
import json, struct, sys, math, torch, glob, subprocess, os, shutil
torch.set_default_dtype(torch.float64)
def load(d):
    W={}
    for f in sorted(glob.glob(d+'/*.safetensors')):
        b=open(f,'rb').read(); n=struct.unpack('<Q',b[:8])[0]; h=json.loads(b[8:8+n])
        for k,v in h.items():
            if k=='__metadata__':continue
            s,e=v['data_offsets']; raw=bytearray(b[8+n+s:8+n+e])
            if v['dtype']=='BF16':
                t=torch.frombuffer(raw,dtype=torch.bfloat16).to(torch.float64)
            elif v['dtype']=='F32': t=torch.frombuffer(raw,dtype=torch.float32).to(torch.float64)
            W[k]=t.reshape(v['shape'])
    return W
def rms(x,w,eps): return x*torch.rsqrt((x*x).mean(-1,keepdim=True)+eps)*w
def yarn(c):
    d=c['qk_rope_head_dim']; th=c['rope_theta']; f=th**(-torch.arange(0,d,2)/d); rs=c.get('rope_scaling')
    m=1.0; cs=1.0
    if rs:
        L=rs['original_max_position_embeddings']; dim=lambda r: d*math.log(L/(2*math.pi*r))/(2*math.log(th))
        lo=max(math.floor(dim(rs['beta_fast'])),0); hi=min(math.ceil(dim(rs['beta_slow'])),d-1)
        ramp=((torch.arange(d//2)-lo)/((hi-lo) if hi!=lo else 0.001)).clamp(0,1)
        f=f*(1-ramp)+f/rs['factor']*ramp
        g=lambda s: 0.1*s*math.log(rs['factor'])+1 if rs['factor']>1 else 1.0
        m=g(rs['mscale_all_dim']); cs=g(rs['mscale'])/g(rs['mscale_all_dim'])
    return f,m,cs
def rope(x,f,cs): # x [T,H,d] interleaved
    T=x.shape[0]; a=torch.arange(T)[:,None]*f[None]; c=(a.cos()*cs)[:,None]; s=(a.sin()*cs)[:,None]
    y=torch.empty_like(x); y[...,0::2]=x[...,0::2]*c-x[...,1::2]*s; y[...,1::2]=x[...,0::2]*s+x[...,1::2]*c; return y
def fwd(c,W,t):
    x=W['model.embed_tokens.weight'][t]; T=len(t); H=c['num_attention_heads']; n,r,v=c['qk_nope_head_dim'],c['qk_rope_head_dim'],c['v_head_dim']
    f,m,cs=yarn(c); eps=c['rms_norm_eps']
    for l in range(c['num_hidden_layers']):
        p=f'model.layers.{l}.'; a=p+'self_attn.'
        h=rms(x,W[p+'input_layernorm.weight'],eps)
        if c.get('q_lora_rank'):
            q=rms(h@W[a+'q_a_proj.weight'].T,W[a+'q_a_layernorm.weight'],1e-6)@W[a+'q_b_proj.weight'].T
        else: q=h@W[a+'q_proj.weight'].T
        q=q.view(T,H,n+r); kv=h@W[a+'kv_a_proj_with_mqa.weight'].T
        lat=rms(kv[:,:c['kv_lora_rank']],W[a+'kv_a_layernorm.weight'],1e-6); kr=rope(kv[:,None,c['kv_lora_rank']:],f,cs)
        b=(lat@W[a+'kv_b_proj.weight'].T).view(T,H,n+v)
        qq=torch.cat([q[...,:n],rope(q[...,n:],f,cs)],-1); kk=torch.cat([b[...,:n],kr.expand(T,H,r)],-1)
        s=torch.einsum('ihd,jhd->hij',qq,kk)*(n+r)**-0.5*m*m
        s=s+torch.full((T,T),float('-inf')).triu(1); o=torch.einsum('hij,jhd->ihd',s.softmax(-1),b[...,n:]).reshape(T,-1)
        x=x+o@W[a+'o_proj.weight'].T
        h=rms(x,W[p+'post_attention_layernorm.weight'],eps); mp=p+'mlp.'
        mlp=lambda q,z:(torch.nn.functional.silu(z@W[q+'gate_proj.weight'].T)*(z@W[q+'up_proj.weight'].T))@W[q+'down_proj.weight'].T
        if l<c['first_k_dense_replace'] or l%c['moe_layer_freq']!=0: x=x+mlp(mp,h); continue
        lg=h@W[mp+'gate.weight'].T; E=c['n_routed_experts']; k=c['num_experts_per_tok']
        sc=lg.sigmoid() if c['scoring_func']=='sigmoid' else lg.softmax(-1)
        ch=sc+W[mp+'gate.e_score_correction_bias'] if c['topk_method']=='noaux_tc' else sc
        if c['topk_method']!='greedy':
            G=c['n_group']; g=ch.view(T,G,-1); gs=g.topk(2,-1).values.sum(-1) if c['topk_method']=='noaux_tc' else g.max(-1).values
            keep=torch.zeros(T,G).scatter(1,gs.topk(c['topk_group'],-1).indices,1.0)
            ch=ch.view(T,G,-1).masked_fill(keep[...,None]==0,float('-inf')).view(T,E)
        idx=ch.topk(k,-1).indices; w=sc.gather(1,idx)
        if c['scoring_func']=='sigmoid' and c['norm_topk_prob']: w=w/w.sum(-1,keepdim=True)
        w=w*c['routed_scaling_factor']
        y=mlp(mp+'shared_experts.',h) if c['n_shared_experts'] else 0
        for i in range(T):
            for j in range(k): y[i]+=w[i,j]*mlp(mp+f'experts.{idx[i,j]}.',h[i])
        x=x+y
    return rms(x,W['model.norm.weight'],eps)@(W['model.embed_tokens.weight'] if c.get('tie_word_embeddings') else W['lm_head.weight']).T
def inv(c):
    d=c['head_dim']; f=c['rope_theta']**(-torch.arange(0,d,2)/d); rs=c.get('rope_scaling')
    if rs and rs['rope_type']=='llama3':
        L=rs['original_max_position_embeddings']; lo,hi=rs['low_freq_factor'],rs['high_freq_factor']; out=[]
        for x in f.tolist():
            wl=2*math.pi/x
            if wl<L/hi: out.append(x)
            elif wl>L/lo: out.append(x/rs['factor'])
            else:
                s=(L/wl-lo)/(hi-lo); out.append((1-s)*x/rs['factor']+s*x)
        f=torch.tensor(out)
    return f
def rot(x,f):
    T=x.shape[0]; a=torch.arange(T)[:,None]*f[None]; a=torch.cat([a,a],-1)[:,None]; h=x.shape[-1]//2
    return x*a.cos()+torch.cat([-x[...,h:],x[...,:h]],-1)*a.sin()
def gqa(c,W,t):
    x=W['model.embed_tokens.weight'][t]; T=len(t); H,K,D=c['num_attention_heads'],c['num_key_value_heads'],c['head_dim']; f=inv(c); eps=c['rms_norm_eps']
    for l in range(c['num_hidden_layers']):
        p=f'model.layers.{l}.'; a=p+'self_attn.'; h=rms(x,W[p+'input_layernorm.weight'],eps)
        lin=lambda n: h@W[a+n+'.weight'].T+W.get(a+n+'.bias',0)
        q,k,v=lin('q_proj').view(T,H,D),lin('k_proj').view(T,K,D),lin('v_proj').view(T,K,D)
        if a+'q_norm.weight' in W: q=rms(q,W[a+'q_norm.weight'],eps); k=rms(k,W[a+'k_norm.weight'],eps)
        q,k=rot(q,f),rot(k,f); k=k.repeat_interleave(H//K,1); v=v.repeat_interleave(H//K,1)
        s=torch.einsum('ihd,jhd->hij',q,k)*D**-0.5+torch.full((T,T),float('-inf')).triu(1)
        x=x+torch.einsum('hij,jhd->ihd',s.softmax(-1),v).reshape(T,-1)@W[a+'o_proj.weight'].T+W.get(a+'o_proj.bias',0)
        h=rms(x,W[p+'post_attention_layernorm.weight'],eps); m=p+'mlp.'
        x=x+(torch.nn.functional.silu(h@W[m+'gate_proj.weight'].T)*(h@W[m+'up_proj.weight'].T))@W[m+'down_proj.weight'].T
    return rms(x,W['model.norm.weight'],eps)@(W['model.embed_tokens.weight'] if c.get('tie_word_embeddings') else W['lm_head.weight']).T
DEEPSEEK = dict(model_type='deepseek_v2',vocab_size=120,hidden_size=96,num_hidden_layers=4,intermediate_size=144,num_attention_heads=4,num_key_value_heads=4,max_position_embeddings=512,q_lora_rank=None,kv_lora_rank=40,qk_nope_head_dim=24,qk_rope_head_dim=16,v_head_dim=20,n_routed_experts=12,n_shared_experts=2,num_experts_per_tok=3,moe_intermediate_size=24,first_k_dense_replace=1,moe_layer_freq=1,n_group=4,topk_group=2,scoring_func='softmax',topk_method='group_limited_greedy',norm_topk_prob=False,routed_scaling_factor=4.0,initializer_range=0.12,hidden_act='silu',rope_theta=10000,rms_norm_eps=1e-6,torch_dtype='bfloat16',rope_scaling=None)
DENSE = dict(vocab_size=120,hidden_size=96,num_hidden_layers=3,intermediate_size=144,num_attention_heads=6,num_key_value_heads=2,head_dim=16,max_position_embeddings=512,initializer_range=0.12,hidden_act='silu',rope_theta=500000.0,rms_norm_eps=1e-5,torch_dtype='bfloat16',rope_scaling=None)

YARN = dict(type='yarn', factor=8, original_max_position_embeddings=64, beta_fast=32, beta_slow=1, mscale=0.707, mscale_all_dim=0.707)
CASES = {
    'v2-group-limited': (fwd, {**DEEPSEEK, 'rope_scaling': YARN}),
    'v2-greedy': (fwd, {**DEEPSEEK, 'topk_method': 'greedy', 'n_group': 1, 'topk_group': 1, 'routed_scaling_factor': 1.0}),
    'llama3': (gqa, {**DENSE, 'model_type': 'llama', 'tie_word_embeddings': False, 'rope_scaling': dict(
        rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)}),
    'qwen2': (gqa, {**DENSE, 'model_type': 'qwen2', 'tie_word_embeddings': True}),
    'qwen3': (gqa, {**DENSE, 'model_type': 'qwen3', 'head_dim': 24, 'tie_word_embeddings': False}),
}
for name, (model, config) in CASES.items():
    out = os.path.join(sys.argv[2], name)
    shutil.rmtree(out, ignore_errors=True)
    json.dump(config, open('config.tmp.json', 'w'))
    subprocess.check_call([sys.argv[1], 'init', 'config.tmp.json', '--seed', '5', '-o', out, '--max-shard-bytes', '300000'], stdout=subprocess.DEVNULL)
    sequences = [(f'len{n}', torch.randint(0, 120, (n,), generator=torch.Generator().manual_seed(n)).tolist()) for n in (1, 90)]
    json.dump({'sequences': [{'name': n, 'tokens': t} for n, t in sequences]}, open(out + '/inputs.json', 'w'))
    for n, t in sequences:
        logits = model(config, load(out), torch.tensor(t)).contiguous()
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({logits.shape[0]}, {logits.shape[1]}), }}"
        header += ' ' * (-(len(header) + 11) % 64) + '\n'
        with open(f'{out}/logits.{n}.npy', 'wb') as f:
            f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode() + struct.pack(f'<{logits.numel()}d', *logits.flatten().tolist()))
os.remove('config.tmp.json')
