using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>Llama and its relatives, which differ by configuration: Llama 2/3, Mistral, Qwen2/2.5 (biases), Qwen3 (norms on query and key).</summary>
internal sealed class LlamaForCausalLM : nn.Module, ICausalModel
{
    public readonly LlamaModel model;
    public readonly Dense? lm_head;
    private readonly FusedDense head;

    public LlamaForCausalLM(ModelConfig config)
        : base(nameof(LlamaForCausalLM))
    {
        Config = config;
        model = new LlamaModel(config);
        lm_head = config.TiedEmbeddings ? null : new Dense(config.Width, config.VocabularySize, false);
        head = new FusedDense(() => (HeadWeight, null));
        RegisterComponents();
    }

    public ModelConfig Config { get; }

    public Parameter HeadWeight => lm_head?.weight ?? model.embed_tokens.weight;

    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters => named_parameters().Select(p => (p.name, p.parameter));

    public Tensor Hidden(PackedTokens tokens, IAttention attention, long? weightsVersion, bool recompute = false) =>
        model.Forward(tokens, attention, weightsVersion, recompute);

    public Tensor Logits(Tensor hidden, long? weightsVersion) =>
        weightsVersion is { } version ? head.Forward(hidden, version) : nn.functional.linear(hidden, HeadWeight);

    public string? ParameterNameOf(string checkpointName) =>
        (checkpointName == "lm_head.weight" && Config.TiedEmbeddings) || checkpointName.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)
            ? null
            : checkpointName;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            head.Dispose();
            model.DisposeFused();
        }

        base.Dispose(disposing);
    }
}

internal sealed class LlamaModel : nn.Module
{
    public readonly EmbeddingTable embed_tokens;
    public readonly ModuleList<LlamaDecoderLayer> layers;
    public readonly RmsNorm norm;
    private readonly Rotary rotary;
    private readonly ModelConfig config;

    public LlamaModel(ModelConfig config)
        : base(nameof(LlamaModel))
    {
        this.config = config;
        embed_tokens = new EmbeddingTable(config.VocabularySize, config.Width);
        layers = new ModuleList<LlamaDecoderLayer>(Enumerable.Range(0, config.Layers).Select(i => new LlamaDecoderLayer(config, i)).ToArray());
        norm = new RmsNorm(config.Width, config.NormEpsilon);
        rotary = new Rotary(config);
        RegisterComponents();
    }

    public Tensor Forward(PackedTokens tokens, IAttention attention, long? weightsVersion, bool recompute)
    {
        var stream = new ResidualStream(embed_tokens.Forward(tokens.Ids));  // [N, D]
        var angles = rotary.At(tokens.Positions, stream.X.dtype);
        foreach (var layer in layers)
        {
            stream = recompute
                ? new ResidualStream(LayerRecomputation.Forward(
                    layer, config, stream.X, [angles.Cos, angles.Sin], tokens, attention,
                    (input, at, own) => layer.Forward(new ResidualStream(input), rotary, (at[0], at[1]), own, null).Sum()))
                : layer.Forward(stream, rotary, angles, attention, weightsVersion);
        }

        return norm.Normed(stream);  // [N, D]
    }

    public void DisposeFused()
    {
        rotary.Dispose();
        foreach (var layer in layers)
        {
            layer.self_attn.DisposeFused();
            layer.mlp.DisposeFused();
        }
    }
}

internal sealed class LlamaDecoderLayer : nn.Module
{
    public readonly LlamaAttention self_attn;
    public readonly LlamaMlp mlp;
    public readonly RmsNorm input_layernorm;
    public readonly RmsNorm post_attention_layernorm;

    public LlamaDecoderLayer(ModelConfig config, int index)
        : base(nameof(LlamaDecoderLayer))
    {
        self_attn = new LlamaAttention(config, index);
        mlp = new LlamaMlp(config);
        input_layernorm = new RmsNorm(config.Width, config.NormEpsilon);
        post_attention_layernorm = new RmsNorm(config.Width, config.NormEpsilon);
        RegisterComponents();
    }

    public ResidualStream Forward(ResidualStream stream, Rotary rotary, (Tensor Cos, Tensor Sin) angles, IAttention attention, long? weightsVersion)
    {
        using var scope = NewDisposeScope();
        var (x, normed) = input_layernorm.Forward(stream);  // [N, D]
        (x, normed) = post_attention_layernorm.Forward(new ResidualStream(x, self_attn.Forward(normed, rotary, angles, attention, weightsVersion)));
        return new ResidualStream(x, mlp.Forward(normed, weightsVersion)).MoveToOuterDisposeScope();
    }
}

internal sealed class LlamaAttention : nn.Module
{
    public readonly Dense q_proj;
    public readonly Dense k_proj;
    public readonly Dense v_proj;
    public readonly Dense o_proj;
    public readonly RmsNorm? q_norm;
    public readonly RmsNorm? k_norm;
    private readonly ModelConfig config;
    private readonly int index;
    private readonly JointDense trainedQueryKeyValue;
    private readonly FusedDense queryKeyValue;
    private readonly FusedDense output;

    public LlamaAttention(ModelConfig config, int index)
        : base(nameof(LlamaAttention))
    {
        this.config = config;
        this.index = index;
        int queries = config.Heads * config.HeadDimension, keys = config.KeyValueHeads * config.HeadDimension;
        q_proj = new Dense(config.Width, queries, config.QueryKeyValueBias);
        k_proj = new Dense(config.Width, keys, config.QueryKeyValueBias);
        v_proj = new Dense(config.Width, keys, config.QueryKeyValueBias);
        o_proj = new Dense(queries, config.Width, config.AttentionOutputBias);
        if (config.Family == ModelFamily.Qwen3)
        {
            q_norm = new RmsNorm(config.HeadDimension, config.NormEpsilon);
            k_norm = new RmsNorm(config.HeadDimension, config.NormEpsilon);
        }

        trainedQueryKeyValue = new JointDense(q_proj, k_proj, v_proj);
        queryKeyValue = new FusedDense(q_proj.Current, k_proj.Current, v_proj.Current);
        output = new FusedDense(o_proj.Current);
        RegisterComponents();
    }

    public Tensor Forward(Tensor x, Rotary rotary, (Tensor Cos, Tensor Sin) angles, IAttention attention, long? weightsVersion)
    {
        long heads = config.Heads, keyHeads = config.KeyValueHeads;
        var joint = weightsVersion is { } version ? queryKeyValue.Forward(x, version) : trainedQueryKeyValue.Forward(x);
        var all = joint.view(x.size(0), heads + (2 * keyHeads), config.HeadDimension);  // [N, H + 2·Hkv, hd]
        if (q_norm is not null)
        {
            var (query, key, value) = JointHeads.Split(all, config);
            all = cat([q_norm.Forward(query), k_norm!.Forward(key), value], 1);
        }

        var attended = attention.Attend(index, rotary.Rotate(all, heads + keyHeads, angles));
        return weightsVersion is { } same ? output.Forward(attended, same) : o_proj.Forward(attended);  // [N, D]
    }

    public void DisposeFused()
    {
        queryKeyValue.Dispose();
        output.Dispose();
    }
}

/// <summary>down(silu(gate(x)) · up(x)) (Shazeer 2020, arXiv:2002.05202).</summary>
internal sealed class LlamaMlp : nn.Module
{
    public readonly Dense gate_proj;
    public readonly Dense up_proj;
    public readonly Dense down_proj;
    private readonly JointDense trainedGateUp;
    private readonly FusedDense gateUp;
    private readonly FusedDense down;

    public LlamaMlp(ModelConfig config)
        : base(nameof(LlamaMlp))
    {
        var inner = config.FeedForwardWidth;
        gate_proj = new Dense(config.Width, inner, config.FeedForwardBias);
        up_proj = new Dense(config.Width, inner, config.FeedForwardBias);
        down_proj = new Dense(inner, config.Width, config.FeedForwardBias);
        trainedGateUp = new JointDense(gate_proj, up_proj);
        gateUp = new FusedDense(gate_proj.Current, up_proj.Current);
        down = new FusedDense(down_proj.Current);
        RegisterComponents();
    }

    public Tensor Forward(Tensor x, long? weightsVersion)
    {
        if (weightsVersion is { } version)
        {
            return down.Forward(GatedSilu.Apply(gateUp.Forward(x, version)), version);
        }

        return down_proj.Forward(trainedGateUp.Fits(x) ? GatedSilu.Apply(trainedGateUp.Forward(x)) : GatedSilu.Apply(gate_proj.Forward(x), up_proj.Forward(x)));
    }

    public void DisposeFused()
    {
        gateUp.Dispose();
        down.Dispose();
    }
}
