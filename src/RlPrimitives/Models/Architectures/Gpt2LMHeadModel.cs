using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each block, GELU.</summary>
internal sealed class Gpt2LMHeadModel : nn.Module, ICausalModel
{
    private const string Prefix = "transformer.";

    public readonly Gpt2Model transformer;
    public readonly Dense? lm_head;
    private readonly FusedDense head;

    public Gpt2LMHeadModel(ModelConfig config)
        : base(nameof(Gpt2LMHeadModel))
    {
        Config = config;
        transformer = new Gpt2Model(config);
        lm_head = config.TiedEmbeddings ? null : new Dense(config.Width, config.VocabularySize, false);
        head = new FusedDense(() => (HeadWeight, null));
        RegisterComponents();
    }

    public ModelConfig Config { get; }

    public Parameter HeadWeight => lm_head?.weight ?? transformer.wte.weight;

    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters => named_parameters().Select(p => (p.name, p.parameter));

    public Tensor Hidden(PackedTokens tokens, IAttention attention, long? weightsVersion, bool recompute = false) =>
        transformer.Forward(tokens, attention, weightsVersion, recompute);

    public Tensor Logits(Tensor hidden, long? weightsVersion) =>
        weightsVersion is { } version ? head.Forward(hidden, version) : nn.functional.linear(hidden, HeadWeight);

    // Files on the hub leave the prefix out and hold the causal masks, which are no weights.
    public string? ParameterNameOf(string checkpointName) =>
        checkpointName.EndsWith(".attn.bias", StringComparison.Ordinal) || checkpointName.EndsWith(".attn.masked_bias", StringComparison.Ordinal)
            || (checkpointName == "lm_head.weight" && Config.TiedEmbeddings) ? null
        : checkpointName.StartsWith(Prefix, StringComparison.Ordinal) || checkpointName == "lm_head.weight" ? checkpointName
        : Prefix + checkpointName;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            head.Dispose();
            transformer.DisposeFused();
        }

        base.Dispose(disposing);
    }
}

internal sealed class Gpt2Model : nn.Module
{
    public readonly EmbeddingTable wte;
    public readonly EmbeddingTable wpe;
    public readonly ModuleList<Gpt2Block> h;
    public readonly LayerNormWeights ln_f;
    private readonly ModelConfig config;

    public Gpt2Model(ModelConfig config)
        : base(nameof(Gpt2Model))
    {
        this.config = config;
        wte = new EmbeddingTable(config.VocabularySize, config.Width);
        wpe = new EmbeddingTable(config.ContextLength, config.Width);
        h = new ModuleList<Gpt2Block>(Enumerable.Range(0, config.Layers).Select(i => new Gpt2Block(config, i)).ToArray());
        ln_f = new LayerNormWeights(config.Width, config.NormEpsilon);
        RegisterComponents();
    }

    public Tensor Forward(PackedTokens tokens, IAttention attention, long? weightsVersion, bool recompute)
    {
        var stream = new ResidualStream(wte.Forward(tokens.Ids), wpe.Forward(tokens.Positions));  // [N, D]
        foreach (var block in h)
        {
            stream = recompute
                ? new ResidualStream(LayerRecomputation.Forward(
                    block, config, stream.Sum(), [], tokens, attention, (input, _, own) => block.Forward(new ResidualStream(input), own, null).Sum()))
                : block.Forward(stream, attention, weightsVersion);
        }

        return ln_f.Normed(stream);  // [N, D]
    }

    public void DisposeFused()
    {
        foreach (var dense in h.SelectMany(b => new[] { b.attn.c_attn, b.attn.c_proj, b.mlp.c_fc, b.mlp.c_proj }))
        {
            dense.DisposeFused();
        }
    }
}

internal sealed class Gpt2Block : nn.Module
{
    public readonly LayerNormWeights ln_1;
    public readonly Gpt2Attention attn;
    public readonly LayerNormWeights ln_2;
    public readonly Gpt2Mlp mlp;

    public Gpt2Block(ModelConfig config, int index)
        : base(nameof(Gpt2Block))
    {
        ln_1 = new LayerNormWeights(config.Width, config.NormEpsilon);
        attn = new Gpt2Attention(config, index);
        ln_2 = new LayerNormWeights(config.Width, config.NormEpsilon);
        mlp = new Gpt2Mlp(config);
        RegisterComponents();
    }

    public ResidualStream Forward(ResidualStream stream, IAttention attention, long? weightsVersion)
    {
        using var scope = NewDisposeScope();
        var (x, normed) = ln_1.Forward(stream);  // [N, D]
        (x, normed) = ln_2.Forward(attn.Forward(x, normed, attention, weightsVersion));
        return mlp.Forward(x, normed, weightsVersion).MoveToOuterDisposeScope();
    }
}

internal sealed class Gpt2Attention : nn.Module
{
    public readonly TransposedDense c_attn;
    public readonly TransposedDense c_proj;
    private readonly ModelConfig config;
    private readonly int index;

    public Gpt2Attention(ModelConfig config, int index)
        : base(nameof(Gpt2Attention))
    {
        this.config = config;
        this.index = index;
        c_attn = new TransposedDense(config.Width, 3 * config.Width);
        c_proj = new TransposedDense(config.Width, config.Width);
        RegisterComponents();
    }

    public ResidualStream Forward(Tensor x, Tensor normed, IAttention attention, long? weightsVersion)
    {
        var heads = c_attn.Forward(normed, weightsVersion).view(x.size(0), 3 * config.Heads, config.HeadDimension);  // [N, 3·H, hd]
        return c_proj.Onto(x, attention.Attend(index, heads), weightsVersion);
    }
}

internal sealed class Gpt2Mlp : nn.Module
{
    public readonly TransposedDense c_fc;
    public readonly TransposedDense c_proj;
    private readonly bool isExact;

    public Gpt2Mlp(ModelConfig config)
        : base(nameof(Gpt2Mlp))
    {
        c_fc = new TransposedDense(config.Width, config.FeedForwardWidth);
        c_proj = new TransposedDense(config.FeedForwardWidth, config.Width);
        isExact = config.ExactGelu;
        RegisterComponents();
    }

    public ResidualStream Forward(Tensor x, Tensor normed, long? weightsVersion) => c_proj.Onto(x, Inner(normed, weightsVersion), weightsVersion);

    // [N, D] → [N, F]
    private Tensor Inner(Tensor x, long? weightsVersion)
    {
        if (isExact)
        {
            return nn.functional.gelu(c_fc.Forward(x, weightsVersion), GELU.Approximate.none, inplace: false);
        }

        // In training on the processor the bias comes along with the GELU; a device adds it to its product at no cost.
        return weightsVersion is null && HostOperations.Fits(x) ? GeluTanh.Apply(c_fc.Product(x), c_fc.bias) : GeluTanh.Apply(c_fc.Forward(x, weightsVersion));
    }
}

/// <summary>x·W + b with weight [in, out]: what GPT-2 calls Conv1D.</summary>
internal sealed class TransposedDense : nn.Module, ILinear
{
    public readonly Parameter weight;
    public readonly Parameter bias;
    private readonly FusedDense fused;

    public TransposedDense(int inFeatures, int outFeatures)
        : base(nameof(TransposedDense))
    {
        weight = Weights.Empty(inFeatures, outFeatures);
        bias = Weights.Empty(outFeatures);
        fused = new FusedDense(() => ((Update?.Merge(weight, transposed: true) ?? weight).t(), bias));
        RegisterComponents();
    }

    public bool IsTransposed => true;

    public LowRankUpdate? Update { get; set; }

    /// <summary>[N, in] → [N, out]</summary>
    public Tensor Forward(Tensor x, long? weightsVersion)
    {
        if (weightsVersion is { } version)
        {
            return fused.Forward(x, version);
        }

        var y = LinearProduct.IsFaster(x) ? LinearProduct.Apply(x, weight, bias, transposed: true) : bias.addmm(x, weight, 1, 1);
        return Update?.AddTo(y, x) ?? y;
    }

    /// <summary>The stream to which x·W + b is to be added. In training on the processor the bias waits as well; a device adds it to its product at no cost.</summary>
    /// <param name="stream">[N, out]</param>
    /// <param name="x">[N, in]</param>
    /// <param name="weightsVersion">Of weights that stand still; null in training.</param>
    public ResidualStream Onto(Tensor stream, Tensor x, long? weightsVersion) => weightsVersion is null && HostOperations.Fits(x)
        ? new ResidualStream(stream, Product(x), bias)
        : new ResidualStream(stream, Forward(x, weightsVersion));

    /// <summary>x·W, for who adds the bias along with what is next; [N, in] → [N, out].</summary>
    public Tensor Product(Tensor x)
    {
        var y = LinearProduct.IsFaster(x) ? LinearProduct.Apply(x, weight, null, transposed: true) : x.mm(weight);
        return Update?.AddTo(y, x) ?? y;
    }

    public (Parameter Weight, Parameter? Bias) Own() => (weight, bias);

    public void DisposeFused() => fused.Dispose();
}
